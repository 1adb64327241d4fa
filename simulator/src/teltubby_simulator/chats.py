"""What chats hold and who is told of it. Nothing here decides who may do what."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from teltubby_simulator.accounts import BotAccount
from teltubby_simulator.boxes import TELEGRAM
from teltubby_simulator.directory import Directory
from teltubby_simulator.drafts import Draft, check_draft, entities_of
from teltubby_simulator.faults import Faults
from teltubby_simulator.journal import Journal
from teltubby_simulator.login_codes import LoginCode, Way
from teltubby_simulator.model import Chat, Message, User
from teltubby_simulator.notifier import Notifier
from teltubby_simulator.updates import MembershipChange, MemberStatus, Update, UpdateKind


class Chats(Directory):
    """The messages of all chats and the updates that bots get of them."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        super().__init__(clock, seed)
        self.faults = Faults()
        self.changed = Notifier()
        self.journal = Journal(clock, self.changed.notify)

    def telegram_time(self) -> float:
        """Return Unix seconds by Telegram's clock, which dates messages and may be wrong on request."""
        return self.clock() + self.faults.bot_api.clock_skew

    # What is there to see

    def updates_after(self, bot_id: int, offset: int = 0, limit: int = 100) -> list[Update]:
        """Return waiting updates as getUpdates does: a positive offset confirms what is before it."""
        return self.bots[bot_id].updates.after(offset, limit)

    def messages_of(self, account_id: int, ids: Iterable[int]) -> list[Message | None]:
        """Return an account's messages by its own ids; None where none is (any more).

        A bot's are those of private chats and basic groups, a person's those of private chats.
        """
        find = self.bots[account_id].messages.get if account_id in self.bots else self.boxes[account_id].message
        return [find(message_id) for message_id in ids]

    def messages_in_channel(self, chat_id: int, ids: Iterable[int]) -> list[Message | None]:
        """Return messages of a supergroup or channel by id; there, ids are the same for everybody."""
        messages = self._chat_messages[chat_id]
        return [messages.get(message_id) for message_id in ids]

    def last_in_channel(self, chat_id: int) -> Message | None:
        """Return the latest message of a supergroup or channel that is still there."""
        messages = self._chat_messages[chat_id]
        return messages[max(messages)] if messages else None

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

    def has_met(self, bot: User, user: User) -> bool:
        """Tell whether a bot knows a user at all: they wrote to it, or share a chat with it."""
        started = user.id in self.account(bot).started_by
        return started or any({bot.id, user.id} <= members for members in self.members.values())

    # How messages come to be

    def _compose(self, chat: User | Chat, sender: User | None, draft: Draft) -> Message:
        reply_to, date = draft.get("reply_to"), draft.get("date")
        self._note_said(sender, draft.get("text") or draft.get("caption"))
        return Message(
            id=0,
            chat=chat,
            sender=sender,
            date=int(self.telegram_time()) if date is None else date,
            text=draft.get("text"),
            entities=entities_of(draft),
            media=draft.get("media"),
            special=draft.get("special"),
            caption=draft.get("caption"),
            media_group_id=draft.get("media_group_id"),
            forward_origin=draft.get("forward_origin"),
            reply_to_message_id=reply_to.id if reply_to else None,
        )

    def _note_said(self, speaker: User | None, text: str | None) -> None:
        """A person has said something: whoever reads a login code there must not get in with it."""
        if speaker is not None and text:
            self.logins.codes.note_said(speaker, text)

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
        if isinstance(message.chat, User) and message.chat.id in self.boxes:
            self.boxes[message.chat.id].keep(account.user, message)

    def send_login_code(self, phone: str, owner: User | None, way: Way = "app") -> LoginCode:
        """Send a code to a number; who has it gets it from Telegram in their apps, unless it goes by SMS."""
        code = self.logins.codes.send(phone, owner, way)
        if owner is not None and way == "app":
            text = (
                f"Login code: {code.digits}. Do not give this code to anyone, even if they say they are from Telegram!"
            )
            message = Message(0, TELEGRAM, TELEGRAM, int(self.telegram_time()), text)
            self.boxes[owner.id].keep(TELEGRAM, message)
        self.changed.notify()
        return code

    def _keep_in_chat(self, message: Message) -> None:
        self._last_in_chat[message.chat.id] += 1
        message.id = self._last_in_chat[message.chat.id]
        self._chat_messages[message.chat.id][message.id] = message

    def new_group_id(self) -> str:
        """Return a media_group_id that no album has yet."""
        return str(self._rng.randint(10**16, 10**17))

    # Who is told

    def _holders(self, message: Message) -> list[BotAccount]:
        if message.chat.id in self._chat_messages:
            return [self.bots[each] for each in sorted(self.members[message.chat.id]) if each in self.bots]
        return [each for each in self.bots.values() if each.messages.get(message.id) is message]

    def _announce(self, account: BotAccount, kind: UpdateKind, message: Message) -> None:
        account.updates.add(kind, snapshot(message))
        self.changed.notify()

    def _change_membership(self, account: BotAccount, user: User, old: MemberStatus, new: MemberStatus) -> None:
        account.updates.add("my_chat_member", MembershipChange(user, int(self.telegram_time()), old, new))
        self.changed.notify()

    def _require_member(self, chat: Chat, user: User) -> None:
        if user.id not in self.members[chat.id]:
            raise ValueError(f"{user.display_name} is not a member of {chat.title}")


def snapshot(message: Message) -> Message:
    """Return a message as it is now, for an update that later changes must not reach."""
    return replace(message, entities=list(message.entities))
