"""What a method gets to work with, and the checks that several methods share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from teltubby_simulator.accounts import BotAccount
from teltubby_simulator.botapi.errors import ApiError, bad_request, forbidden
from teltubby_simulator.botapi.file_ids import FileIds
from teltubby_simulator.botapi.flood import FloodGate
from teltubby_simulator.botapi.formatting import Formatted, read_formatted
from teltubby_simulator.botapi.json_fields import FieldError, JsonFields, as_sentence
from teltubby_simulator.botapi.params import Params, parse_integer
from teltubby_simulator.botapi.serialise import MessageView
from teltubby_simulator.model import Chat, Message, User
from teltubby_simulator.world import World

_MOST_IDS = 100  # messages that one call may name


@dataclass
class DoorState:
    """What the door remembers between calls."""

    world: World
    file_ids: FileIds
    flood: FloodGate
    webhook_set_at: dict[int, float] = field(default_factory=dict)  # by bot id
    follow_webhook: Callable[[BotAccount], None] = lambda _: None
    """To be called after each change of an account's webhook; the door puts its own in place."""
    closing: bool = False

    def view(self, bot: User) -> MessageView:
        """Return a bot's view on messages."""
        world = self.world
        return MessageView(
            bot,
            self.file_ids,
            lambda chat_id, message_id: world.message(bot.id, chat_id, message_id),
            world.files.thumbs,
        )


@dataclass(frozen=True)
class Described:
    """A result with a sentence beside it, as few methods give one."""

    result: object
    description: str


@dataclass(frozen=True)
class Call:
    """One authorised call."""

    state: DoorState
    account: BotAccount
    params: Params

    @property
    def world(self) -> World:
        return self.state.world

    @property
    def bot(self) -> User:
        return self.account.user

    @property
    def view(self) -> MessageView:
        """The bot's view on messages."""
        return self.state.view(self.bot)

    # Chats

    def chat(self, name: str = "chat_id") -> User | Chat:
        """Return the chat that a parameter names, to read in it. Raises ApiError when the bot can't."""
        given = self.params.text(name)
        if given is None:
            raise bad_request(f"{name} is empty")
        chat = self.find_chat(given)
        if isinstance(chat, Chat) and chat.kind != "group" and chat.username is None:
            self._require_membership(chat)
        return chat

    def find_chat(self, given: str) -> User | Chat:
        """Return the chat of an id or @username. Raises ApiError when the bot does not know it."""
        chat_id = parse_integer(given)
        if chat_id is None:
            found: User | Chat | None = self.world.chat_by_username(given) if given.startswith("@") else None
        else:
            user = self.world.users.get(chat_id)
            met = user is not None and (user.is_bot or self.world.has_met(self.bot, user))
            found = user if met else self.world.chats.get(chat_id)
        if found is None:
            raise bad_request("chat not found")
        return found

    def writable_chat(self) -> User | Chat:
        """Return the chat to write to. Raises ApiError where the bot may not, or not yet again."""
        chat = self.chat()
        if isinstance(chat, Chat):
            self._require_membership(chat)
            if chat.kind == "channel" and "can_post_messages" not in self.world.rights(chat, self.bot):
                raise bad_request("need administrator rights in the channel chat")
        elif chat.is_bot:
            raise forbidden("the bot can't send messages to the bot")
        elif chat.id in self.account.blocked_by:
            raise forbidden("bot was blocked by the user")
        elif chat.id not in self.account.started_by:
            raise forbidden("bot can't initiate conversation with a user")
        return chat

    def chat_with_messages(self) -> User | Chat:
        """Return the chat whose messages are to be deleted: its member the bot has to be, but not to post there."""
        chat = self.chat()
        if not isinstance(chat, Chat):
            return self.writable_chat()
        self._require_membership(chat)
        return chat

    def _require_membership(self, chat: Chat) -> None:
        if self.bot.id not in self.world.members[chat.id]:
            raise forbidden(f"bot is not a member of the {chat.kind} chat")

    def count_messages(self, chat: User | Chat, number: int = 1) -> None:
        """Count messages or edits against the flood limits."""
        if self.world.flood_limits:
            self.state.flood.pass_through(self.bot.id, chat.id, number)

    # Messages

    def message(self, chat: User | Chat, purpose: str) -> Message:
        """Return the message that message_id names; ``purpose`` ends Telegram's sentence, as in "to edit"."""
        found = self.world.message(self.bot.id, chat.id, self.params.integer("message_id", 0))
        if found is None:
            raise bad_request(f"message {purpose} not found")
        return found

    def message_ids(self) -> list[int]:
        """Return the 1 to 100 ids of message_ids."""
        given = self.params.json("message_ids", "message_ids")
        if given is None or given == []:
            raise bad_request("message identifiers are not specified")
        if not isinstance(given, list):
            raise bad_request("expected an Array of message identifiers")
        if len(given) > _MOST_IDS:
            raise bad_request("too many message identifiers specified")
        return [_read_id(each) for each in given]

    def reply_target(self, chat: User | Chat) -> Message | None:
        """Return the message to answer, by reply_parameters or by the older reply_to_message_id."""
        message_id, lenient = self._reply_wish(chat)
        if message_id <= 0:
            return None
        found = self.world.message(self.bot.id, chat.id, message_id)
        if found is None and not lenient:
            raise bad_request("message to be replied not found")
        return found

    def _reply_wish(self, chat: User | Chat) -> tuple[int, bool]:
        given = self.params.json("reply_parameters", "reply parameters")
        if given is None:
            return self.params.integer("reply_to_message_id", 0), self.params.flag("allow_sending_without_reply")
        if not isinstance(given, dict):
            raise bad_request("object expected as reply parameters")
        if not given:
            return 0, False
        fields = JsonFields(given)
        try:
            wish = fields.integer("message_id"), fields.flag("allow_sending_without_reply")
            elsewhere = fields.optional_text("chat_id") not in ("", str(chat.id))
        except FieldError as problem:
            raise as_sentence(problem) from problem
        if elsewhere:
            raise bad_request("message to be replied not found")  # replies across chats are not simulated
        return wish

    # Texts

    def formatted(self, name: str, entities: str) -> Formatted:
        """Return a text or caption with the entities that belong to it."""
        raw, mode = self.params.text(name) or "", self.params.text("parse_mode") or ""
        return read_formatted(raw, mode, self._entities(entities))

    def _entities(self, name: str) -> object:
        try:
            return self.params.json(name, name)
        except ApiError:
            return None  # Telegram, too, passes over entities that are no JSON


Method = Callable[[Call], Awaitable[object]]


def _read_id(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise bad_request("message identifier must be a Number")
    found = parse_integer(str(given))
    if found is None:
        raise bad_request("can't parse message identifier as a Number")
    if found <= 0:
        raise bad_request("invalid message identifier specified")
    return found
