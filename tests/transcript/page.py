"""A chat as a page: one file of HTML, nothing fetched, nothing run, every word of a user escaped."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from teltubby_simulator.model import Media, Message, User

_ICONS = {
    "photo": "🖼",
    "video": "🎬",
    "audio": "🎵",
    "voice": "🎙",
    "video_note": "📹",
    "animation": "🎞",
    "sticker": "🏷",
}
_MOST_STATES = 4  # of a message that was edited, the last one included

_STYLE = (Path(__file__).parent / "style.css").read_text("utf-8")


@dataclass(frozen=True)
class Bubble:
    """A message as it stands at the end, and what it said before."""

    by_bot: bool
    text: str
    then: tuple[str, ...] = ()
    media: str | None = None
    icon: str = ""
    quote: str | None = None
    keys: tuple[tuple[str, ...], ...] = ()
    reaction: str | None = None
    time: str = ""


@dataclass(frozen=True)
class Chapter:
    """A part of the day, shown as a column."""

    title: str
    what: str
    bubbles: tuple[Bubble, ...]

    @classmethod
    def of(cls, title: str, what: str, messages: list[Message], chat: list[Message], bot: User) -> "Chapter":
        """Take the messages of a chapter; ``chat`` has those that they reply to."""
        by_id = {message.id: message for message in chat}
        return cls(title, what, tuple(_bubble(each, by_id, bot) for each in messages))


def _bubble(message: Message, by_id: dict[int, Message], bot: User) -> Bubble:
    replied = by_id.get(message.reply_to_message_id or 0)
    texts = list(dict.fromkeys(text for _, text in message.edits))
    text = message.text or message.caption or ""
    return Bubble(
        by_bot=message.sender is bot,
        text=text,
        then=_states([each for each in texts if each != text]),
        media=_media(message.media) if message.media else None,
        icon=_ICONS.get(message.media.kind, "📄") if message.media else "",
        quote=_quote(replied) if replied else None,
        keys=tuple(tuple(str(button["text"]) for button in row) for row in message.inline_keyboard),
        reaction="".join(message.reactions) or None,
        time=f"{datetime.fromtimestamp(message.date, UTC):%H:%M}",
    )


def _states(earlier: list[str]) -> tuple[str, ...]:
    """Choose of many earlier states the first, and some of those after it."""
    room = _MOST_STATES - 1
    if len(earlier) <= room:
        return tuple(earlier)
    return tuple(earlier[at * (len(earlier) - 1) // (room - 1)] for at in range(room))


def _quote(message: Message) -> str:
    said = message.text or message.caption or (_media(message.media) if message.media else "")
    return said.partition("\n")[0]


def _media(media: Media) -> str:
    name = media.file.file_name or media.kind.replace("_", " ")
    size = media.file.shown_size
    return f"{name}, {size:,} B" if size else name


def page(chapters: list[Chapter]) -> str:
    """Return the page."""
    columns = "\n".join(map(_section, chapters))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>A day with teltubby</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        "<h1>A day with teltubby</h1>\n"
        '<p class="lead">From a real run: the bot beside a simulated Telegram. Grey: what an answer said before it was'
        f" edited.</p>\n<main>\n{columns}\n</main>\n</body>\n</html>\n"
    )


def _section(chapter: Chapter) -> str:
    rows = "\n".join(map(_row, chapter.bubbles))
    return f"<section>\n<h2>{escape(chapter.title)}</h2>\n<p>{escape(chapter.what)}</p>\n{rows}\n</section>"


def _row(bubble: Bubble) -> str:
    parts = []
    if bubble.quote:
        parts.append(f'<div class="quote">{escape(bubble.quote)}</div>')
    if bubble.media:
        parts.append(f'<div class="media"><span class="icon">{bubble.icon}</span><b>{escape(bubble.media)}</b></div>')
    parts += [f'<div class="then">{escape(text)}</div>' for text in bubble.then]
    if bubble.text:
        parts.append(f'<div class="text">{escape(bubble.text)}</div>')
    for row in bubble.keys:
        parts.append('<div class="keys">' + "".join(f"<span>{escape(label)}</span>" for label in row) + "</div>")
    if bubble.reaction:
        parts.append(f'<span class="reaction">{escape(bubble.reaction)}</span>')
    who = "bot" if bubble.by_bot else "user"
    return f'<div class="row {who}"><div class="bubble">{"".join(parts)}</div></div>'
