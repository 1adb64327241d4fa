"""The words about files that are found again."""

from teltubby_bot import texts
from teltubby_bot.catalogue import say
from teltubby_core.domain.records import Found, ItemRecord, ItemState

_SHORT = 60  # characters of a caption or name in a list


def found(page: Found, words: str, number: int, pages: int) -> str:
    """Answer /find: a page of what was looked for."""
    if not page.total:
        return say("found-nothing", words=words)
    head = say("found-close" if page.close else "found", count=page.total, words=words)
    foot = [say("page", page=str(number), pages=str(pages))] if pages > 1 else []
    return texts.fitting("\n".join([head, *map(line, page.items), *foot]))


def latest(items: tuple[ItemRecord, ...]) -> str:
    """Answer /last."""
    if not items:
        return say("last-none")
    return texts.fitting("\n".join([say("last"), *map(line, items)]))


def line(item: ItemRecord) -> str:
    """Tell a file in a line: its number, what it is, and by what one knows it."""
    size = item.size_bytes if item.size_bytes is not None else item.media.size_bytes
    parts = [f"{item.incoming.date:%Y-%m-%d}", texts.kind(item.media.kind)]
    if size is not None:
        parts.append(texts.size(size))
    parts += [_state(item), *filter(None, [_name(item)])]
    return f"{_SIGNS.get(item.state, '⏳')} {item.id} · {' · '.join(filter(None, parts))}"


def caption(item: ItemRecord) -> str:
    """Say under a file that is sent back what it is."""
    return line(item)


_SIGNS = {
    ItemState.STORED: "📄",
    ItemState.DUPLICATE: "♻️",
    ItemState.SKIPPED: "⏭",
    ItemState.FAILED: "❌",
    ItemState.CANCELLED: "🛑",
}


def _state(item: ItemRecord) -> str:
    if item.state in {ItemState.STORED, ItemState.DUPLICATE}:
        return ""
    return say("item-not-there") if item.state.final else say("item-on-its-way")


def _name(item: ItemRecord) -> str:
    said = item.caption.text or item.media.original_filename or ""
    origin = item.incoming.forward_origin
    said = said or (origin.title or origin.name or origin.username or "" if origin else "")
    said = " ".join(said.split())
    return said if len(said) <= _SHORT else said[: _SHORT - 1] + "…"
