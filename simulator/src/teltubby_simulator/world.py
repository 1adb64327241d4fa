"""What can happen in the simulated Telegram. Both doors and the tests work on one World.

It lives in memory and in one event loop: its methods are plain calls, nothing here waits. What is refused is
what an official client would not let happen; errors of the wire belong to the doors.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

from teltubby_simulator.chats import Chats, snapshot
from teltubby_simulator.drafts import Draft, check_draft, entities_of
from teltubby_simulator.entities import Entity, detect_entities
from teltubby_simulator.login_tokens import read_token
from teltubby_simulator.model import CallbackQuery, Chat, ForwardOrigin, Media, Message, User
from teltubby_simulator.updates import UpdateKind

HOSTED_DOWNLOAD_LIMIT = 20 * 1024 * 1024  # bytes; core.telegram.org/bots/api#getfile
_ALBUM_SIZES = range(2, 11)


class World(Chats):
    """Users, bots, chats, files and messages. ``clock`` gives Unix seconds; ``seed`` decides every random id."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        *,
        flood_limits: bool = False,
        download_limit: int | None = HOSTED_DOWNLOAD_LIMIT,
        local_files: Path | None = None,
        allow_plain_webhooks: bool = False,
    ) -> None:
        super().__init__(clock, seed)
        self.flood_limits = flood_limits
        self.download_limit = download_limit  # bytes; None as on a local Bot API server
        self.local_files = local_files
        """A folder makes the Bot API a local server: getFile puts files of any size there and tells their path."""
        self.allow_plain_webhooks = allow_plain_webhooks
        """Webhooks as a local server takes them: http, any port, any address. Only then are they really called."""
        self.webhook_pause = 1.0  # seconds; doubled with each try of an update after its second, up to a minute
        self.webhook_timeout = 60.0  # seconds that a webhook may take for its answer
        self.callback_lifetime = 15.0
        """Seconds in which a press can be answered. Telegram tells none; bots see refusals after 15 to 20."""

    # What people do

    def send(self, chat: User | Chat, bot: User, **draft: Unpack[Draft]) -> Message:
        """Let a user write to the bot in private, or let a channel post; the bot gets an update.

        Raises:
            ValueError: an official client would not let it happen: no content, too long, too large, blocked.
        """
        if isinstance(chat, Chat):
            self._require_member(chat, bot)
            if chat.kind != "channel":
                raise ValueError("in a group somebody posts: post_in_group")
            return self._post(chat, None, draft)
        account = self.account(bot)
        if chat.id in account.blocked_by:
            raise ValueError("the user has blocked the bot: unblock first")
        check_draft(draft, chat)
        message = self._compose(chat, chat, draft)
        self._keep(account, message)
        account.started_by.add(chat.id)
        self._announce(account, "message", message)
        return message

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
        """Send 2 to 10 (media, caption) items as one album: ascending ids and updates, one media_group_id.

        ``between`` is called after each item but the last with its number, counted from 0: whatever it lets happen
        lies between the album's pieces. To deliver them late or out of order, see ``hold_updates``.
        """
        if len(items) not in _ALBUM_SIZES:
            raise ValueError("an album has 2 to 10 items")
        for media, caption in items:  # all or none: a client checks before it sends
            check_draft(
                {"media": media, "caption": caption, "forward_origin": forward_origin},
                chat if isinstance(chat, User) else None,
            )
        group_id = self.new_group_id()
        sent: list[Message] = []
        for media, caption in items:
            if sent and between is not None:
                between(len(sent) - 1)
            draft: Draft = {"media": media, "caption": caption, "media_group_id": group_id, "date": date}
            sent.append(self.send(chat, bot, **(draft | {"forward_origin": forward_origin})))
        return sent

    def post_in_group(self, chat: Chat, sender: User, **draft: Unpack[Draft]) -> Message:
        """Let a member post in a group; each bot in it gets an update if privacy mode lets it see the message.

        In a basic group every bot has its own copy with its own id: the first bot's is returned.
        """
        if chat.kind == "channel":
            raise ValueError("in a channel the channel posts: send")
        self._require_member(chat, sender)
        return self._post(chat, sender, draft)

    def edit(
        self, message: Message, *, text: str | None = None, caption: str | None = None, media: Media | None = None
    ) -> None:
        """Let the author change a text, a caption, or media with their caption; bots that may see it get an update.

        An empty caption takes the caption away, and so does new media without one.

        Raises:
            ValueError: the message has no such part, or the new one is too long.
        """
        new_media = message.media if media is None else media
        given = text is not None if message.media is None else (caption is not None or media is not None)
        if not given or (new_media is None) != (text is not None):
            raise ValueError("a text message has a text to edit, one with media a caption and media")
        check_draft({"text": text, "media": new_media, "caption": caption}, message.sender)
        self._note_said(message.sender, text or caption)
        message.text, message.media, message.caption = text, new_media, caption or None
        message.entities = detect_entities(text or caption or "")
        message.edit_date = int(self.telegram_time())
        kind: UpdateKind = "edited_channel_post" if message.sender is None else "edited_message"
        for account in self._holders(message):
            if not isinstance(message.chat, Chat) or message.sender is None or account.may_see_in_group(message):
                self._announce(account, kind, message)

    def delete(self, message: Message) -> None:
        """Remove a message for both sides. Bots are not told."""
        for account in self._holders(message):
            account.messages.pop(message.id, None)
        if isinstance(message.chat, User) and message.chat.id in self.boxes:
            self.boxes[message.chat.id].drop(message)
        if message.chat.id in self._chat_messages:
            self._chat_messages[message.chat.id].pop(message.id, None)
        self.changed.notify()

    def press(self, user: User, message: Message, data: str) -> CallbackQuery:
        """Let a user press the button with this callback_data under a bot's message; the bot gets a callback_query.

        A message that was deleted meanwhile can still be pressed: the user's client did not know yet.

        Raises:
            ValueError: there is no such button, or the user does not see the message.
        """
        if not any(button.get("callback_data") == data for row in message.inline_keyboard for button in row):
            raise ValueError("the message has no button with this data")
        return self.forge_press(user, message, data)

    def forge_press(self, user: User, message: Message, data: str) -> CallbackQuery:
        """Let a user's client press a button under a bot's message with any data, which Telegram passes on.

        Source: core.telegram.org/bots/api#callbackquery, on ``data``.

        Raises:
            ValueError: no bot wrote the message, or the user does not see it.
        """
        bot = message.author
        if bot is None:
            raise ValueError("no bot wrote the message")
        seen = user.id in self.members[message.chat.id] if isinstance(message.chat, Chat) else user is message.chat
        if not seen:
            raise ValueError("the user does not see this message")
        account, gone = self.account(bot), self.message(bot.id, message.chat.id, message.id) is None
        number = self._rng.getrandbits(63)
        query = CallbackQuery(number, user, snapshot(message), data, message.chat.id << 16, self.clock(), gone)
        oldest = self.clock() - self.callback_lifetime
        account.presses = {key: each for key, each in account.presses.items() if each.date >= oldest}
        account.presses[query.id] = query
        account.updates.add("callback_query", query)
        self.changed.notify()
        return query

    def block(self, user: User, bot: User) -> None:
        """Let a user block the bot, which is told by my_chat_member."""
        account = self.account(bot)
        if user.id not in account.blocked_by:
            account.blocked_by.add(user.id)
            self._change_membership(account, user, "member", "kicked")

    def unblock(self, user: User, bot: User) -> None:
        """Let a user lift the block."""
        account = self.account(bot)
        if user.id in account.blocked_by:
            account.blocked_by.remove(user.id)
            self._change_membership(account, user, "kicked", "member")

    # What people do with their accounts

    def codes_sent_to(self, user: User) -> list[str]:
        """Return the login codes that Telegram sent to a user, oldest first, whether still good or not."""
        return self.logins.codes.to(user)

    def scan_login(self, user: User, token: str) -> None:
        """Let a user scan a QR code with a phone where they are logged in; ``token`` is tg://login's, base64url.

        Raises:
            LoginTokenError: the token is unknown, too old, accepted before, or no token.
            ValueError: the account is banned or deleted.
        """
        if user.status != "active":
            raise ValueError(f"the account is {user.status}")
        self.logins.tokens.accept(read_token(token), user)
        self.changed.notify()

    def end_logins(self, account: User) -> int:
        """Let an account's owner end all its logins over MTProto; return how many there were.

        People do it in their settings ("terminate all sessions"), a bot's owner by revoking its access.
        """
        ended = self.logins.end_all(account, "AUTH_KEY_UNREGISTERED" if account.is_bot else "SESSION_REVOKED")
        self.changed.notify()
        return ended

    def deactivate(self, user: User, *, deleted: bool = False) -> None:
        """Ban an account, or let its owner delete it: its logins end, and it can't log in again."""
        user.status = "deleted" if deleted else "banned"
        self.logins.end_all(user, "USER_DEACTIVATED" if deleted else "USER_DEACTIVATED_BAN")
        self.changed.notify()

    # What happens between Telegram and a bot

    def hold_updates(self, bot: User) -> None:
        """Hold the bot's updates back from now on, until they are released."""
        self.account(bot).updates.hold()

    def release_updates(self, bot: User, order: Sequence[int] | None = None) -> int:
        """Deliver held updates in this order of positions, or all of them; return how many are still held."""
        left = self.account(bot).updates.release(order)
        self.changed.notify()
        return left

    # What bots do: the doors have checked that they may

    def bot_send(
        self,
        bot: User,
        chat: User | Chat,
        *,
        reply_markup: dict[str, object] | None = None,
        **draft: Unpack[Draft],
    ) -> Message:
        """Put a bot's message into a chat."""
        message = self._compose(chat, None if isinstance(chat, Chat) and chat.kind == "channel" else bot, draft)
        message.author, message.reply_markup = bot, reply_markup
        message.edits = [(self.clock(), message.text or message.caption or "")]
        if chat.id in self._chat_messages:
            self._keep_in_chat(message)
        else:
            self._keep(self.account(bot), message)
        self.changed.notify()
        return message

    def bot_send_album(self, bot: User, chat: User | Chat, items: Sequence[Draft]) -> list[Message]:
        """Put a bot's messages into a chat as one album."""
        group_id = self.new_group_id() if len(items) > 1 else None
        return [self.bot_send(bot, chat, **(item | {"media_group_id": group_id})) for item in items]

    def bot_edit(
        self,
        message: Message,
        *,
        text: str | None = None,
        caption: str | None = None,
        media: Media | None = None,
        entities: list[Entity] | None = None,
        reply_markup: dict[str, object] | None = None,
    ) -> None:
        """Give a bot's message new content; a keyboard that is not given again is gone."""
        draft: Draft = {"text": text, "caption": caption, "entities": entities}
        message.text, message.caption, message.media = text, caption, media
        message.entities = entities_of(draft)
        message.reply_markup = reply_markup
        message.edit_date = int(self.telegram_time())
        message.edits.append((self.clock(), text or caption or ""))
        self.changed.notify()

    def bot_edit_keyboard(self, message: Message, reply_markup: dict[str, object] | None) -> None:
        """Change nothing but the buttons, which Telegram does not date as an edit."""
        message.reply_markup = reply_markup
        self.changed.notify()

    def bot_react(self, message: Message, emoji: Sequence[str]) -> None:
        """Replace the bot's reactions to a message."""
        message.reactions = list(emoji)
        self.changed.notify()

    def bot_chat_action(self, bot: User, chat_id: int, action: str) -> None:
        """Show what the bot is doing."""
        self.account(bot).chat_actions.append((self.clock(), chat_id, action))
        self.changed.notify()

    def bot_answer(self, bot: User, query_id: int, answer: dict[str, object]) -> bool:
        """Show a user what the bot answers to a press; False when it is unknown, answered or too old."""
        account = self.account(bot)
        query = account.presses.pop(query_id, None)
        if query is None or self.clock() - query.date > self.callback_lifetime:
            return False
        account.answer(query_id, answer)
        self.changed.notify()
        return True
