"""A world that lives in another process, as far as people's private chats with one bot go: who sends here, sends there.

Sending waits for the other's answer, some milliseconds. What the bot says there shows up here when it is looked for.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from teltubby_simulator.control_values import media_given, origin_given
from teltubby_simulator.drafts import Draft
from teltubby_simulator.files import HOME_DC
from teltubby_simulator.model import AdminRight, Chat, ChatKind, ForwardOrigin, Media, Message, User
from teltubby_simulator.world import World

_ANSWER_SECONDS = 20.0
_PAUSE = 0.3  # seconds before an unreachable one is asked again
_PATIENCE = 30.0  # seconds; ports are forwarded anew, pods take a while
_NEVER_THERE = (ConnectionRefusedError, http.client.RemoteDisconnected)
"""Why a call had no effect there, so that it may be made again: nobody listens, or nobody took it."""


class FarWorldError(Exception):
    """The other process can't be reached, or does not do what it is asked for."""


class _NameTakenError(FarWorldError):
    """Somebody there has this username: an earlier play's, perhaps."""


class FarWorld(World):
    """A copy of what matters here. ``control_url`` is the other's control API, like ``http://host:8080/control``."""

    def __init__(self, control_url: str, *, patience: float = _PATIENCE) -> None:
        """Look up its first bot.

        Raises:
            FarWorldError: it can't be reached for ``patience`` seconds, or has no bot.
        """
        super().__init__(seed=time.time_ns())
        self._url = control_url.rstrip("/")
        self._patience = patience
        self._sent: dict[str, tuple[int, int]] = {}  # chat and message that carried a file first, by its unique id here
        bots = self._get("bots")
        if not bots:
            raise FarWorldError(f"{self._url}: there is no bot")
        self.bot = self.add_bot("Bot", bots[0]["username"], f"{bots[0]['id']}:{'A' * 35}")

    # Who there is

    def person(self, first_name: str, username: str | None = None, id: int | None = None) -> User:  # noqa: A002
        """Return a person with this id, there already or new; then with another username where this one is taken."""
        if id is None or self._find("users", id) is None:
            given = {"first_name": first_name, "username": username, "id": id}
            id = self._make_person(given)["id"]  # noqa: A001 - Telegram's word
        return self.users.get(id) or super().add_user(first_name, username=username, id=id)

    def add_chat(self, kind: ChatKind, title: str, username: str | None = None, members: Any = ()) -> Chat:
        """See World; for origins of forwards."""
        given = {"kind": kind, "title": title, "username": username, "members": [member.id for member in members]}
        chat = replace(super().add_chat(kind, title, username, members), id=self._make("chats", given)["id"])
        self.chats[chat.id] = chat
        return chat

    def add_user(
        self,
        first_name: str,
        last_name: str | None = None,
        username: str | None = None,
        id: int | None = None,  # noqa: A002 - Telegram's word
        premium: bool = False,
        *,
        phone: str | None = None,
        password: str | None = None,
        password_hint: str | None = None,
        banned: bool = False,
        dc_id: int = HOME_DC,
    ) -> User:
        """See World; the password is known there alone."""
        given = {
            "first_name": first_name,
            "last_name": last_name,
            "username": username,
            "id": id,
            "premium": premium,
            "phone": phone,
            "password": password,
            "password_hint": password_hint,
            "banned": banned,
            "dc_id": dc_id,
        }
        new: int = self._make("users", given)["id"]
        return super().add_user(first_name, last_name, username, new, premium, phone=phone, banned=banned, dc_id=dc_id)

    def add_channel(self, title: str, members: Sequence[int] = (), administrators: Sequence[int] = ()) -> int:
        """Create a channel with these people and these administrators (bots, mostly); return its id, -100…"""
        people = {"members": list(members), "administrators": list(administrators)}
        chat_id: int = self._make("chats", {"kind": "channel", "title": title, **people})["id"]
        return chat_id

    def set_rights(self, chat_id: int, user_id: int, rights: Sequence[AdminRight] | None = None) -> None:
        """Make somebody an administrator there with these rights; None: with all."""
        self._make("chats/administrators", {"chat": chat_id, "user": user_id, "rights": rights})

    def remove_member(self, chat_id: int, user_id: int) -> None:
        """Make somebody a member of a chat there no longer."""
        self._make("chats/members/remove", {"chat": chat_id, "user": user_id})

    # Accounts and their logins over MTProto

    def login_codes(self, user_id: int, at_least: int = 1, timeout: float = 10.0) -> list[str]:
        """Return the login codes that a user got, oldest first, once there are ``at_least`` so many.

        Raises:
            TimeoutError: there are fewer after ``timeout`` seconds.
            FarWorldError: there is no such user, or it can't be reached.
        """
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            wait = min(left, _ANSWER_SECONDS / 2)
            codes: list[str] = self._get(f"users/{user_id}/codes?at_least={at_least}&timeout={wait}")
            if len(codes) >= at_least:
                return codes
            if wait == left:
                raise TimeoutError(f"{len(codes)} codes after {timeout} s")

    def accept_login(self, user_id: int, token: str) -> None:
        """Let a user scan a login's QR code; ``token`` is that of tg://login, base64url.

        Raises:
            FarWorldError: the token is not good, or the account not active; it names the reason.
        """
        self._make("logins/accept", {"user": user_id, "token": token})

    def end_authorizations(self, account_id: int) -> int:
        """Let an account's owner end all its logins over MTProto; return how many there were."""
        ended: int = self._make("authorizations/end", {"account": account_id})["ended"]
        return ended

    def authorizations(self, account_id: int) -> int:
        """Return how many logins over MTProto an account has that are good."""
        live: int = self._get(f"authorizations?account={account_id}")["live"]
        return live

    def ban_user(self, user_id: int, *, deleted: bool = False) -> None:
        """Ban a user; or ``deleted``: they have deleted their account."""
        self._make("users/ban", {"user": user_id, "deleted": deleted})

    # What people do

    def send(self, chat: User | Chat, bot: User, **draft: Unpack[Draft]) -> Message:
        """See World; a person writes to the bot, with a text or media."""
        assert isinstance(chat, User), "only private chats are copied"
        media, origin = draft.get("media"), draft.get("forward_origin")
        given = {
            "bot": bot.id,
            "chat": chat.id,
            "text": draft.get("text"),
            "caption": draft.get("caption"),
            "media": self._given(media) if media else None,
            "forward_origin": origin_given(origin) if origin else None,
        }
        return self._kept(chat, self._make("messages", given), draft)

    def send_album(
        self,
        chat: User | Chat,
        bot: User,
        items: Sequence[tuple[Media, str | None]],
        *,
        forward_origin: ForwardOrigin | None = None,
        date: int | None = None,
        between: Callable[[int], object] | None = None,
    ) -> list[Message]:
        """See World; all at once."""
        assert isinstance(chat, User), "only private chats are copied"
        assert between is None, "nothing can be let happen between the pieces there"
        given = {
            "bot": bot.id,
            "chat": chat.id,
            "date": date,
            "items": [{"media": self._given(media), "caption": caption} for media, caption in items],
            "forward_origin": origin_given(forward_origin) if forward_origin else None,
        }
        told = self._make("albums", given)
        drafts: list[Draft] = [{"media": media, "caption": caption} for media, caption in items]
        return [self._kept(chat, each, draft) for each, draft in zip(told, drafts, strict=True)]

    # How it is there

    def set_conditions(self, door: str, **conditions: float | None) -> None:
        """Change latency, bandwidth and so on at a door, as the control API names them."""
        self._call("conditions", json.dumps({"door": door, **conditions}).encode())

    # What is there to see

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """Return the calls that clients made there, all or of one method, and how they ended."""
        found: list[dict[str, Any]] = self._get(f"journal?method={method}" if method else "journal")
        return found

    def channel_messages(self, chat_id: int) -> list[dict[str, Any]]:
        """Return a channel's messages as the control API tells them, oldest first."""
        found: list[dict[str, Any]] = self._get(f"bots/{self.bot.id}/chats/{chat_id}/messages")
        return found

    def look(self) -> None:
        """Bring the chats up to date; who waits for a change looks again.

        Raises:
            FarWorldError: it can't be reached.
        """
        for person in [user for user in self.users.values() if not user.is_bot]:
            for told in self._get(f"bots/{self.bot.id}/chats/{person.id}/messages"):
                self._see(person, told)
        self.changed.notify()

    def _see(self, chat: User, told: Mapping[str, Any]) -> None:
        held = self.account(self.bot).messages
        message = held.get(told["message_id"])
        if message is None:
            sender = self.bot if told["sender"] == self.bot.id else chat
            message = Message(told["message_id"], chat, sender, told["date"])
            held[message.id] = message
        message.text, message.media_group_id = told["text"], told["media_group_id"]
        message.edit_date = told["edit_date"]
        message.edits = [(each["time"], each["text"]) for each in told["edits"]]
        message.reply_to_message_id = told["reply_to_message_id"]
        message.reply_markup = told["reply_markup"]
        message.reactions = told["reactions"]

    def _kept(self, chat: User, told: Mapping[str, Any], draft: Draft) -> Message:
        message = self._compose(chat, chat, draft)
        message.id, message.date, message.media_group_id = told["message_id"], told["date"], told["media_group_id"]
        if message.media is not None:
            self._sent.setdefault(message.media.file.unique_id, (chat.id, message.id))
            there = replace(message.media.file, unique_id=told["media"]["unique_id"])
            message.media = Media(message.media.kind, (*message.media.files[:-1], there))
        self.account(self.bot).messages[message.id] = message
        return message

    def _given(self, media: Media) -> dict[str, object]:
        earlier = self._sent.get(media.file.unique_id)
        if earlier is not None:
            return {"same_as": {"chat": earlier[0], "message_id": earlier[1]}}
        return media_given(media)

    # The wire

    def _get(self, path: str) -> Any:
        found = self._find(path)
        if found is None:
            raise FarWorldError(f"{self._url}/{path}: there is no such thing")
        return found

    def _find(self, *path: object) -> Any:
        """Return what lies there; None when there is nothing."""
        return self._call("/".join(map(str, path)), None)

    def _make_person(self, given: Mapping[str, Any]) -> Any:
        try:
            return self._make("users", given)
        except _NameTakenError:
            return self._make("users", {**given, "username": f"{given['username']}_{time.time_ns() % 10**9}"})

    def _make(self, path: str, given: Mapping[str, Any]) -> Any:
        body = {name: value for name, value in given.items() if value is not None}
        answer = self._call(path, json.dumps(body).encode())
        if answer is None:
            raise FarWorldError(f"{self._url}/{path}: there is no such thing")
        return answer

    def _call(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's own
            f"{self._url}/{path}", body, {"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code == http.HTTPStatus.NOT_FOUND:
                    return None
                told = error.read().decode("utf-8", "replace")
                kind = _NameTakenError if "is taken" in told else FarWorldError
                raise kind(f"{self._url}/{path} answers {error.code}: {told}") from error
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                again = body is None or isinstance(reason, _NEVER_THERE)
                if not again or time.monotonic() >= deadline:
                    raise FarWorldError(f"{self._url}/{path} can't be reached: {reason}") from error
            time.sleep(_PAUSE)
