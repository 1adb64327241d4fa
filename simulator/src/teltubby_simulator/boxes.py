"""A person's side of their private chats. Its message ids are their own: the bots' sides count for themselves."""

from dataclasses import dataclass, field, replace

from teltubby_simulator.model import Message, User

TELEGRAM = User(777000, "Telegram")
"""Who login codes come from; core.telegram.org/api/auth."""


@dataclass
class Box:
    """What one person has in private chats, by their own ids: with whom, and the message as the other side holds it."""

    held: dict[int, tuple[User, Message]] = field(default_factory=dict)
    last_id: int = 0

    def keep(self, peer: User, message: Message) -> None:
        """Take in a message that was sent or received."""
        self.last_id += 1
        self.held[self.last_id] = (peer, message)

    def drop(self, message: Message) -> None:
        """A message is deleted for both sides."""
        self.held = {number: each for number, each in self.held.items() if each[1] is not message}

    def message(self, number: int) -> Message | None:
        """Return a message as its owner sees it."""
        peer, message = self.held.get(number, (None, None))
        if peer is None or message is None:
            return None
        replied = message.reply_to_message_id
        return replace(message, id=number, chat=peer, reply_to_message_id=self._own_id(peer, replied))

    def _own_id(self, peer: User, number_there: int | None) -> int | None:
        pairs = ((own, message.id) for own, (other, message) in self.held.items() if other is peer)
        return next((own for own, there in pairs if there == number_there), None)
