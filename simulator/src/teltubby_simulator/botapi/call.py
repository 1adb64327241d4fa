"""What a method gets to work with, and the checks that several methods share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from teltubby_simulator.accounts import BotAccount
from teltubby_simulator.botapi.errors import bad_request, forbidden
from teltubby_simulator.botapi.file_ids import FileIds
from teltubby_simulator.botapi.flood import FloodGate
from teltubby_simulator.botapi.params import Params, parse_integer
from teltubby_simulator.model import Chat, Message, User
from teltubby_simulator.world import World


@dataclass
class DoorState:
    """What the door remembers between calls."""

    world: World
    file_ids: FileIds
    flood: FloodGate
    closing: bool = False


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

    def chat(self, name: str = "chat_id") -> User | Chat:
        """Return the chat that a parameter names. Raises ApiError when the bot can't know it."""
        given = self.params.text(name)
        if given is None:
            raise bad_request(f"{name} is empty")
        chat_id = parse_integer(given)
        if chat_id is None:
            found: User | Chat | None = self.world.chat_by_username(given) if given.startswith("@") else None
        else:
            found = self.world.users.get(chat_id) or self.world.chats.get(chat_id)
        if found is None:
            raise bad_request("chat not found")
        return found

    def writable_chat(self) -> User | Chat:
        """Return the chat to write to. Raises ApiError where the bot may not, or not yet again."""
        chat = self.chat()
        if isinstance(chat, Chat):
            if self.bot.id not in self.world.members[chat.id]:
                raise forbidden(f"bot is not a member of the {chat.kind} chat")
        elif chat.is_bot:
            raise forbidden("bots can't send messages to bots")
        elif chat.id in self.account.blocked_by:
            raise forbidden("bot was blocked by the user")
        elif chat.id not in self.account.started_by:
            raise forbidden("bot can't initiate conversation with a user")
        return chat

    def count_message(self, chat: User | Chat) -> None:
        """Count a message or edit against the flood limits."""
        if self.world.flood_limits:
            self.state.flood.pass_through(self.bot.id, chat.id)

    def message(self, chat: User | Chat, purpose: str, name: str = "message_id") -> Message:
        """Return the message that a parameter names; ``purpose`` ends Telegram's sentence, as in "edit"."""
        message_id = self.params.integer(name, 0)
        if message_id <= 0:
            raise bad_request("message identifier is not specified")
        found = self.world.message(self.bot.id, chat.id, message_id)
        if found is None:
            raise bad_request(f"message to {purpose} not found")
        return found


Method = Callable[[Call], Awaitable[object]]
