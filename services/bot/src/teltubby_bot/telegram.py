"""What the bot needs from Telegram, in its own verbs. Errors are those of ``teltubby_core.errors``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from teltubby_core.domain.media import MediaItem
from teltubby_core.errors import InfrastructureError, PermanentError, TransientError
from teltubby_core.ports import MediaSource, RawUpdate

POLL_LIMIT = 100
"""Most updates one poll can bring (core.telegram.org/bots/api#getupdates)."""


class ConflictError(TransientError):
    """Another program polls with the same token, or a webhook is set."""


class ChatClosedError(PermanentError):
    """The user has blocked us or is gone; their next message opens the chat again."""


class ChannelClosedError(InfrastructureError):
    """A channel of ours does not let the bot do what it is there for."""


@dataclass(frozen=True)
class Me:
    """The bot's own account."""

    id: int
    username: str | None


@dataclass(frozen=True)
class WebhookInfo:
    """Where updates go, and how that has been lately.

    Attributes:
        url: empty when no webhook is set.
        pending: updates that wait at Telegram.
        last_error: why the latest failed delivery failed, in Telegram's words; it stays after later ones succeed.
        last_error_at: when that was, in Telegram's Unix seconds.
    """

    url: str
    pending: int = 0
    last_error: str | None = None
    last_error_at: int | None = None


Keys = tuple[tuple[tuple[str, str], ...], ...]
"""Rows of buttons under a message: of each its label and the data that comes back when it is pressed (64 bytes)."""


class Writer(Protocol):
    """What says something in a chat now and then."""

    async def send(self, chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        """See Telegram."""
        ...

    async def send_photo(self, chat_id: int, png: bytes, caption: str) -> int:
        """See Telegram."""
        ...

    async def delete(self, chat_id: int, message_id: int) -> None:
        """See Telegram."""
        ...


class Telegram(Protocol):
    """The Bot API."""

    async def me(self) -> Me:
        """Ask who we are. Errors: Configuration when the token is refused."""
        ...

    async def poll(self, offset: int | None, timeout_seconds: int) -> Sequence[RawUpdate]:
        """Wait for updates from ``offset`` on, which confirms all before it; without one, from the oldest kept."""
        ...

    async def webhook(self) -> WebhookInfo:
        """Ask where updates go."""
        ...

    async def set_webhook(self, url: str, secret: str, connections: int) -> None:
        """Have updates of the kinds that polls bring sent to ``url``, over at most so many ``connections`` at a time.

        ``secret`` comes with each in the header X-Telegram-Bot-Api-Secret-Token. Updates that wait are kept.
        Errors: Permanent when Telegram will not call this address.
        """
        ...

    async def delete_webhook(self) -> None:
        """Have updates wait for polls again. Those that wait are kept."""
        ...

    async def set_commands(
        self, commands: Sequence[tuple[str, str]], *, language: str | None = None, chat_id: int | None = None
    ) -> None:
        """Set the menu of commands, each with what it does, for private chats or one chat, in a language or any."""
        ...

    async def send(self, chat_id: int, text: str, reply_to: int | None, keys: Keys = ()) -> int:
        """Send plain text, as a reply or (None) on its own; return its message id.

        Errors: Permanent when the chat is closed to us.
        """
        ...

    async def send_photo(self, chat_id: int, png: bytes, caption: str) -> int:
        """Send a picture; return its message id. Errors as of ``send``."""
        ...

    async def send_again(self, chat_id: int, item: MediaItem, caption: str, reply_to: int | None) -> int:
        """Send a file that Telegram has; return its message id. Errors: Permanent when Telegram won't."""
        ...

    async def upload(self, chat_id: int, name: str, content: bytes, caption: str, reply_to: int | None) -> int:
        """Send a file of ours as a document; return its message id. Errors as of ``send``."""
        ...

    async def edit(self, chat_id: int, message_id: int, text: str, keys: Keys = ()) -> None:
        """Replace a text of ours and the buttons under it. Errors: Permanent when it is gone."""
        ...

    async def answer_press(self, query_id: str, text: str | None, *, alert: bool = False) -> None:
        """Let a pressed button come up again; show ``text`` for a moment, or as an alert until it is read.

        Errors: Permanent when it was pressed too long ago.
        """
        ...

    async def act(self, chat_id: int, action: str) -> None:
        """Show for five seconds that we are at something, such as ``typing``."""
        ...

    async def react(self, chat_id: int, message_id: int, emoji: str | None) -> None:
        """Put a reaction under a message in place of the one we had there; None takes it away."""
        ...

    async def copy(self, chat_id: int, from_chat_id: int, message_id: int) -> int:
        """Copy a message without its caption into a channel, in silence; return the copy's message id.

        Errors: Permanent when the message can't be copied, ChannelClosed when the channel does not let us.
        """
        ...

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Remove a message; one that is gone is none to remove.

        Errors: Permanent when Telegram won't, ChannelClosed when it is in a channel that does not let us.
        """
        ...

    def source(self, item: MediaItem) -> MediaSource:
        """Return the bytes of a file. Errors while reading: FileTooBig, Permanent, Transient."""
        ...
