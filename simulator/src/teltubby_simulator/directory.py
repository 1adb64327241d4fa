"""Who and what exists in the simulated Telegram: users, bots, chats and files. Nothing here writes a message."""

import random
from collections.abc import Callable, Iterable
from typing import Unpack

from teltubby_simulator.accounts import BotAccount, new_bot_account
from teltubby_simulator.boxes import Box
from teltubby_simulator.content import Content
from teltubby_simulator.files import HOME_DC, FileFields, FileStore, ReferenceState
from teltubby_simulator.login_codes import read_phone
from teltubby_simulator.logins import Logins
from teltubby_simulator.model import (
    ALL_RIGHTS,
    AdminRight,
    Chat,
    ChatKind,
    Media,
    MediaKind,
    Message,
    StoredFile,
    ToldSize,
    User,
)
from teltubby_simulator.passwords import Password

DEFAULT_API_ID = 12345
DEFAULT_API_HASH = "0123456789abcdef0123456789abcdef"


class Directory:
    """The inhabitants of a world and its files. Every random id comes from ``seed``."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        self.clock = clock
        self.api_credentials: set[tuple[int, str]] = set()  # pairs accepted by the MTProto door
        self.users: dict[int, User] = {}  # bots included
        self.chats: dict[int, Chat] = {}
        self.bots: dict[int, BotAccount] = {}
        self.members: dict[int, set[int]] = {}  # chat id → ids of users and bots
        self.administrators: dict[int, dict[int, frozenset[AdminRight]]] = {}  # chat id → id of a member → its rights
        self.boxes: dict[int, Box] = {}  # private chats of people, by user id
        self.passwords: dict[int, Password] = {}  # of two-step verification, by user id
        self._chat_messages: dict[int, dict[int, Message]] = {}  # supergroups and channels count for themselves
        self._last_in_chat: dict[int, int] = {}  # their latest message id
        self._rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.files = FileStore(clock, self._rng)
        self.logins = Logins(clock, self._rng)

    def add_bot(
        self,
        name: str,
        username: str,
        token: str | None = None,
        api_id: int = DEFAULT_API_ID,
        api_hash: str = DEFAULT_API_HASH,
        *,
        sees_all_group_messages: bool = False,
        dc_id: int = HOME_DC,
    ) -> User:
        """Create a bot and let MTProto clients with this api_id and api_hash in; ``dc_id`` is its home."""
        account = new_bot_account(self._new_user_id(), name, username, token, self._rng, self.clock)
        account.sees_all_group_messages = sees_all_group_messages
        account.user.dc_id = dc_id
        self._add_user(account.user)
        self.bots[account.user.id] = account
        self.api_credentials.add((api_id, api_hash))
        return account.user

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
        """Create a person; with ``phone`` they can log in over MTProto, then also with ``password`` if there is one.

        Raises:
            ValueError: the id, username or number is taken, or it is no number.
        """
        user = User(
            id=self._new_user_id() if id is None else id,
            first_name=first_name,
            last_name=last_name,
            username=username,
            is_premium=premium,
            hash_seed=self._rng.randint(-(2**63), 2**63 - 1),
            dc_id=dc_id,
            phone=self._free_phone(phone),
            status="banned" if banned else "active",
        )
        self._add_user(user)
        self.boxes[user.id] = Box()
        if password is not None:
            self.passwords[user.id] = Password.of(password, password_hint)
        return user

    def add_chat(self, kind: ChatKind, title: str, username: str | None = None, members: Iterable[User] = ()) -> Chat:
        """Create a group, supergroup or channel. Bots get what is posted once they are members: see ``join``."""
        if kind == "private":
            raise ValueError("a private chat is its user")
        short = self._rng.randint(10**9, 2 * 10**9)
        chat_id = -short if kind == "group" else -(10**12) - short
        chat = Chat(chat_id, kind, title, username, self._rng.randint(-(2**63), 2**63 - 1))
        self.chats[chat_id] = chat
        self.members[chat_id], self.administrators[chat_id] = set(), {}
        for member in members:
            self.join(chat, member)
        if kind != "group":
            self._chat_messages[chat_id] = {}
            self._last_in_chat[chat_id] = 0
        return chat

    def join(self, chat: Chat, user: User) -> None:
        """Make a user or bot a member; in a channel a bot is an administrator, with all rights until told otherwise."""
        self.members[chat.id].add(user.id)
        if chat.kind == "channel" and user.is_bot:
            self.administrators[chat.id].setdefault(user.id, ALL_RIGHTS)

    def leave(self, chat: Chat, user: User) -> None:
        """Make somebody a member no longer."""
        self.members[chat.id].discard(user.id)
        self.administrators[chat.id].pop(user.id, None)

    def promote(self, chat: Chat, user: User, rights: Iterable[AdminRight] = ALL_RIGHTS) -> None:
        """Make somebody an administrator with exactly these rights, and a member if they are none yet."""
        if chat.kind == "group":
            raise ValueError("in a basic group nobody has rights of their own")
        self.members[chat.id].add(user.id)
        self.administrators[chat.id][user.id] = frozenset(rights)

    def rights(self, chat: Chat, user: User) -> frozenset[AdminRight]:
        """Return what an administrator may do; nobody else has rights."""
        return self.administrators[chat.id].get(user.id, frozenset())

    def account(self, bot: User | int) -> BotAccount:
        """Return what Telegram keeps for a bot. Raises KeyError for somebody who is none."""
        return self.bots[bot if isinstance(bot, int) else bot.id]

    def bot_by_token(self, token: str) -> User | None:
        """Return the bot that a token belongs to."""
        return next((each.user for each in self.bots.values() if each.user.token == token), None)

    def user_by_phone(self, phone: str) -> User | None:
        """Return who has a number, however it is written. Those who deleted their account have given it back."""
        wanted = read_phone(phone)
        owners = (each for each in self.users.values() if each.phone == wanted and each.status != "deleted")
        return next(owners, None) if wanted else None

    def user_by_username(self, username: str) -> User | None:
        """Return a user or bot by name, regardless of case and of a leading @."""
        wanted = username.removeprefix("@").lower()
        return next((each for each in self.users.values() if (each.username or "").lower() == wanted), None)

    def chat_by_username(self, username: str) -> Chat | None:
        """Return a public chat by name, regardless of case and of a leading @."""
        wanted = username.removeprefix("@").lower()
        return next((each for each in self.chats.values() if (each.username or "").lower() == wanted), None)

    # Files

    def new_file(self, content: Content, *, dc_id: int = HOME_DC, **fields: Unpack[FileFields]) -> StoredFile:
        """Store one file. Send the same StoredFile (or Media) again to send the same file again."""
        return self.files.new_file(content, dc_id=dc_id, **fields)

    def make_media(
        self, kind: MediaKind, content: Content, *, dc_id: int = HOME_DC, **fields: Unpack[FileFields]
    ) -> Media:
        """Store one file and wrap it up for sending."""
        return self.files.make_media(kind, content, dc_id=dc_id, **fields)

    def make_photo(
        self, sizes: list[tuple[str, int, int, Content]], dc_id: int = HOME_DC, *, told_size: ToldSize = "true"
    ) -> Media:
        """Store a photo of (type letter, width, height, content) sizes."""
        return self.files.make_photo(sizes, dc_id, told_size=told_size)

    def file_by_document_id(self, document_id: int) -> StoredFile | None:
        """Return the file of a document id; photos are found by ``photo_by_id``."""
        return self.files.document(document_id)

    def photo_by_id(self, photo_id: int) -> Media | None:
        """Return a photo with all its sizes."""
        return self.files.photo(photo_id)

    def issue_file_reference(self, file: StoredFile, viewer: User, now: float | None = None) -> bytes:
        """Return an account's reference, good for ``files.reference_lifetime`` seconds from ``now``."""
        return self.files.issue_reference(file, viewer, now)

    def check_file_reference(self, file: StoredFile, viewer: User, reference: bytes) -> ReferenceState:
        """Judge a reference that an account shows for a file."""
        return self.files.check_reference(file, viewer, reference)

    def expire_file_references(self) -> None:
        """Make every reference issued so far an expired one."""
        self.files.expire_references()

    def random_number(self, least: int, most: int) -> int:
        """Return a number by the world's seed."""
        return self._rng.randint(least, most)

    def _add_user(self, user: User) -> None:
        if user.id in self.users:
            raise ValueError(f"id {user.id} is taken")
        if user.username and (self.user_by_username(user.username) or self.chat_by_username(user.username)):
            raise ValueError(f"@{user.username} is taken")
        self.users[user.id] = user

    def _free_phone(self, given: str | None) -> str | None:
        phone = None if given is None else read_phone(given)
        if given is not None and phone is None:
            raise ValueError("a phone number has 7 to 15 digits, its country code first")
        if phone is not None and self.user_by_phone(phone) is not None:
            raise ValueError("this phone number is taken")
        return phone

    def _new_user_id(self) -> int:
        while (new := self._rng.randint(10**9, 7 * 10**9)) in self.users:
            continue
        return new
