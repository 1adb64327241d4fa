"""What can happen in the simulated Telegram. Both doors and the tests work on one World.

It lives in memory and in one event loop: its methods are plain calls, nothing here waits. What is refused is
what an official client would not let happen; errors of the wire belong to the doors.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Unpack

from teltubby_simulator.accounts import BotAccount
from teltubby_simulator.directory import Directory
from teltubby_simulator.drafts import Draft, check_draft, entities_of
from teltubby_simulator.entities import Entity, detect_entities
from teltubby_simulator.faults import Faults
from teltubby_simulator.journal import Journal
from teltubby_simulator.model import Chat, ForwardOrigin, Media, Message, User
from teltubby_simulator.notifier import Notifier
from teltubby_simulator.updates import MembershipChange, MemberStatus, Update, UpdateKind

HOSTED_DOWNLOAD_LIMIT = 20 * 1024 * 1024  # bytes; core.telegram.org/bots/api#getfile
_ALBUM_SIZES = range(2, 11)


class World(Directory):
    """Users, bots, chats, files and messages. ``clock`` gives Unix seconds; ``seed`` decides every random id."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        *,
        flood_limits: bool = False,
        download_limit: int | None = HOSTED_DOWNLOAD_LIMIT,
    ) -> None:
        super().__init__(clock, seed)
        self.flood_limits = flood_limits
        self.download_limit = download_limit  # bytes; None as on a local Bot API server
        self.latency = 0.0  # seconds before each answer of the Bot API
        self.mtproto_latency = 0.0  # seconds before each answer of the MTProto door
        self.faults = Faults()
        self.changed = Notifier()
        self.journal = Journal(clock, self.changed.notify)

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
    ) -> list[Message]:
        """Send 2 to 10 (media, caption) items as one album: consecutive ids and updates, one media_group_id."""
        if len(items) not in _ALBUM_SIZES:
            raise ValueError("an album has 2 to 10 items")
        for media, caption in items:  # all or none: a client checks before it sends
            check_draft(
                {"media": media, "caption": caption, "forward_origin": forward_origin},
                chat if isinstance(chat, User) else None,
            )
        group_id = str(self._rng.randint(10**16, 10**17))
        return [
            self.send(
                chat,
                bot,
                media=media,
                caption=caption,
                media_group_id=group_id,
                forward_origin=forward_origin,
                date=date,
            )
            for media, caption in items
        ]

    def post_in_group(self, chat: Chat, sender: User, **draft: Unpack[Draft]) -> Message:
        """Let a member post in a group; each bot in it gets an update if privacy mode lets it see the message.

        In a basic group every bot has its own copy with its own id: the first bot's is returned.
        """
        if chat.kind == "channel":
            raise ValueError("in a channel the channel posts: send")
        self._require_member(chat, sender)
        return self._post(chat, sender, draft)

    def edit(self, message: Message, *, text: str | None = None, caption: str | None = None) -> None:
        """Let the author change a text or caption; bots that may see the message get an update.

        Raises:
            ValueError: the message has no such part, or the new one is too long.
        """
        if (message.media is None) != (caption is None) or (text is None) == (caption is None):
            raise ValueError("a text message has a text to edit, one with media a caption")
        check_draft({"text": text, "media": message.media, "caption": caption}, message.sender)
        message.text, message.caption = text, caption
        message.entities = detect_entities(text or caption or "")
        message.edit_date = int(self.clock())
        kind: UpdateKind = "edited_channel_post" if message.sender is None else "edited_message"
        for account in self._holders(message):
            if not isinstance(message.chat, Chat) or message.sender is None or account.may_see_in_group(message):
                self._announce(account, kind, message)

    def delete(self, message: Message) -> None:
        """Remove a message for both sides. Bots are not told."""
        for account in self._holders(message):
            account.messages.pop(message.id, None)
        if message.chat.id in self._chat_messages:
            self._chat_messages[message.chat.id].pop(message.id, None)
        self.changed.notify()

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
        message.reply_markup = reply_markup
        message.edits = [(self.clock(), message.text or message.caption or "")]
        if chat.id in self._chat_messages:
            self._keep_in_chat(message)
        else:
            self._keep(self.account(bot), message)
        self.changed.notify()
        return message

    def bot_edit(
        self,
        message: Message,
        *,
        text: str,
        entities: list[Entity] | None = None,
        reply_markup: dict[str, object] | None = None,
    ) -> None:
        """Change a bot's text; a keyboard that is not given again is gone."""
        message.text = text
        message.entities = entities_of({"text": text, "entities": entities})
        message.reply_markup = reply_markup
        message.edit_date = int(self.clock())
        message.edits.append((self.clock(), text))
        self.changed.notify()

    def bot_react(self, message: Message, emoji: Sequence[str]) -> None:
        """Replace the bot's reactions to a message."""
        message.reactions = list(emoji)
        self.changed.notify()

    def bot_chat_action(self, bot: User, chat_id: int, action: str) -> None:
        """Show what the bot is doing."""
        self.account(bot).chat_actions.append((self.clock(), chat_id, action))
        self.changed.notify()

    # What is there to see

    def updates_after(self, bot_id: int, offset: int = 0, limit: int = 100) -> list[Update]:
        """Return waiting updates as getUpdates does: a positive offset confirms what is before it."""
        return self.bots[bot_id].updates.after(offset, limit)

    def messages_of(self, bot_id: int, ids: Iterable[int]) -> list[Message | None]:
        """Return the bot's messages of private chats and basic groups by id; None where none is (any more)."""
        messages = self.bots[bot_id].messages
        return [messages.get(message_id) for message_id in ids]

    def messages_in_channel(self, chat_id: int, ids: Iterable[int]) -> list[Message | None]:
        """Return messages of a supergroup or channel by id; there, ids are the same for everybody."""
        messages = self._chat_messages[chat_id]
        return [messages.get(message_id) for message_id in ids]

    def message(self, bot_id: int, chat_id: int, message_id: int) -> Message | None:
        """Return a message as a bot addresses it; an id of another chat is not found."""
        held = self._chat_messages.get(chat_id, self.bots[bot_id].messages)
        message = held.get(message_id)
        return message if message is not None and message.chat.id == chat_id else None

    def chat_with(self, user_id: int, bot_id: int) -> list[Message]:
        """Return a private chat as the user sees it, oldest first, deleted messages left out."""
        return [each for each in self.bots[bot_id].messages.values() if each.chat.id == user_id]

    def messages_in(self, chat_id: int, bot_id: int) -> list[Message]:
        """Return any chat's messages, oldest first; of a basic group, as this bot holds them."""
        held = self._chat_messages.get(chat_id, self.bots[bot_id].messages)
        return [each for each in held.values() if each.chat.id == chat_id]

    # How messages come to be

    def _compose(self, chat: User | Chat, sender: User | None, draft: Draft) -> Message:
        reply_to, date = draft.get("reply_to"), draft.get("date")
        return Message(
            id=0,
            chat=chat,
            sender=sender,
            date=int(self.clock()) if date is None else date,
            text=draft.get("text"),
            entities=entities_of(draft),
            media=draft.get("media"),
            caption=draft.get("caption"),
            media_group_id=draft.get("media_group_id"),
            forward_origin=draft.get("forward_origin"),
            reply_to_message_id=reply_to.id if reply_to else None,
        )

    def _post(self, chat: Chat, sender: User | None, draft: Draft) -> Message:
        check_draft(draft, sender)
        bots = [self.bots[member] for member in sorted(self.members[chat.id]) if member in self.bots]
        if not bots:
            raise ValueError("no bot is a member of this chat")
        message = self._compose(chat, sender, draft)
        if chat.kind != "group":
            self._keep_in_chat(message)
        copies = [replace(message) if chat.kind == "group" else message for _ in bots]
        for account, each in zip(bots, copies, strict=True):
            if chat.kind == "group":
                self._keep(account, each)
            if sender is None:
                self._announce(account, "channel_post", each)
            elif account.may_see_in_group(each):
                self._announce(account, "message", each)
        return copies[0]

    def _keep(self, account: BotAccount, message: Message) -> None:
        message.id = account.next_message_id()
        account.messages[message.id] = message

    def _keep_in_chat(self, message: Message) -> None:
        self._last_in_chat[message.chat.id] += 1
        message.id = self._last_in_chat[message.chat.id]
        self._chat_messages[message.chat.id][message.id] = message

    def _holders(self, message: Message) -> list[BotAccount]:
        if message.chat.id in self._chat_messages:
            return [self.bots[each] for each in sorted(self.members[message.chat.id]) if each in self.bots]
        return [each for each in self.bots.values() if each.messages.get(message.id) is message]

    def _announce(self, account: BotAccount, kind: UpdateKind, message: Message) -> None:
        snapshot = replace(message, entities=list(message.entities))
        account.updates.add(kind, snapshot)
        self.changed.notify()

    def _change_membership(self, account: BotAccount, user: User, old: MemberStatus, new: MemberStatus) -> None:
        account.updates.add("my_chat_member", MembershipChange(user, int(self.clock()), old, new))
        self.changed.notify()

    def _require_member(self, chat: Chat, user: User) -> None:
        if user.id not in self.members[chat.id]:
            raise ValueError(f"{user.display_name} is not a member of {chat.title}")
