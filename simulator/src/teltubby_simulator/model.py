"""What exists in the simulated Telegram: users, chats, files and messages.

Plain values without behaviour; ``world`` changes them, the two doors show each in its own wire format.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from teltubby_simulator.content import Content

MediaKind = Literal["photo", "video", "document", "audio", "voice", "video_note", "animation", "sticker"]
StickerFormat = Literal["static", "animated", "video"]  # WebP, TGS, WebM
ChatKind = Literal["private", "group", "supergroup", "channel"]
AdminRight = Literal["can_post_messages", "can_edit_messages", "can_delete_messages"]
ALL_RIGHTS: frozenset[AdminRight] = frozenset(get_args(AdminRight))
AccountStatus = Literal["active", "banned", "deleted"]
ToldSize = int | Literal["true", "absent"]


@dataclass
class User:
    """A person or a bot. From ``hash_seed`` each account's own access_hash for it is made."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = "en"
    is_bot: bool = False
    is_premium: bool = False
    hash_seed: int = 0
    token: str | None = None  # bots only
    dc_id: int = 2  # the account's home data centre
    phone: str | None = None  # digits with the country code; people who log in have one
    status: AccountStatus = "active"

    @property
    def display_name(self) -> str:
        return f"{self.first_name} {self.last_name}" if self.last_name else self.first_name


@dataclass
class Chat:
    """A group, supergroup or channel. A private chat has no object: its id is the user's."""

    id: int  # as in the Bot API: negative, -100… for supergroups and channels
    kind: ChatKind
    title: str
    username: str | None = None
    hash_seed: int = 0


@dataclass(frozen=True)
class StoredFile:
    """One stored file; for a photo, one of its sizes.

    ``unique_id`` is the Bot API's file_unique_id: the same for the same file whoever sends it and however often.
    ``file_id`` is made per bot by the Bot API door from ``id``.
    """

    id: int  # document id, or photo id shared by all sizes of a photo
    hash_seed: int
    dc_id: int
    unique_id: str
    content: Content
    mime_type: str | None = None
    file_name: str | None = None
    width: int | None = None
    height: int | None = None
    duration: int | None = None  # seconds
    performer: str | None = None
    title: str | None = None
    size_type: str | None = None  # photos: Telegram's letter of the size (s, m, x, y, w)
    emoji: str | None = None  # stickers: what it stands for
    sticker_format: StickerFormat = "static"
    told_size: ToldSize = "true"  # what Telegram says of its size: the truth, nothing, or this number of bytes

    @property
    def shown_size(self) -> int | None:
        """The size in bytes as clients are told it; None when they are told nothing."""
        if self.told_size == "true":
            return self.content.size
        return None if self.told_size == "absent" else self.told_size


@dataclass(frozen=True)
class Media:
    """What a message carries. A photo has its sizes in ascending order, every other kind exactly one file."""

    kind: MediaKind
    files: tuple[StoredFile, ...]

    @property
    def file(self) -> StoredFile:
        """The file that counts: the only one, or a photo's largest size."""
        return self.files[-1]


@dataclass(frozen=True)
class OriginUser:
    """Forwarded from a user who lets their account be linked."""

    user: User
    date: int


@dataclass(frozen=True)
class OriginHiddenUser:
    """Forwarded from a user who hides their account: only a name is told."""

    name: str
    date: int


@dataclass(frozen=True)
class OriginChat:
    """Forwarded from an anonymous group administrator."""

    chat: Chat
    date: int
    author_signature: str | None = None


@dataclass(frozen=True)
class OriginChannel:
    """Forwarded from a channel post."""

    chat: Chat
    message_id: int
    date: int
    author_signature: str | None = None


ForwardOrigin = OriginUser | OriginHiddenUser | OriginChat | OriginChannel


@dataclass
class Message:
    """A message as its chat holds it. ``id`` counts per bot account over all its private chats, as at Telegram."""

    id: int
    chat: User | Chat  # a User means the private chat of that user with the bot
    sender: User | None  # None for channel posts
    date: int  # Unix seconds
    text: str | None = None
    entities: list[dict[str, object]] = field(default_factory=list)  # Bot API form; of text or caption
    media: Media | None = None
    special: dict[str, object] | None = None  # location, venue, contact, poll, dice …: {name: Bot API form}
    caption: str | None = None
    media_group_id: str | None = None
    forward_origin: ForwardOrigin | None = None
    reply_to_message_id: int | None = None
    edit_date: int | None = None
    edits: list[tuple[float, str]] = field(default_factory=list)  # (Unix time, text) of each version, first included
    reply_markup: dict[str, object] | None = None  # Bot API form, of a bot's message
    reactions: list[str] = field(default_factory=list)  # emoji that the bot set
    author: User | None = None  # the bot that wrote it, also where the channel stands as the sender

    @property
    def inline_keyboard(self) -> list[list[dict[str, object]]]:
        """The rows of buttons under the message; reply keyboards belong to the chat, not to the message."""
        rows = (self.reply_markup or {}).get("inline_keyboard")
        return rows if isinstance(rows, list) else []


@dataclass(frozen=True)
class CallbackQuery:
    """A user pressed a button under a bot's message. ``message`` is as it was then."""

    id: int  # 64 bits
    sender: User
    message: Message
    data: str
    chat_instance: int
    date: float  # Unix seconds
    gone: bool = False  # the message had been deleted when the button was pressed
