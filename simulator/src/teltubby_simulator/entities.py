"""Text as Telegram counts and reads it: lengths in UTF-16 units, and the entities it finds by itself."""

import re

Entity = dict[str, object]

_PATTERNS = (
    ("url", re.compile(r"https?://[^\s<>\"]*[^\s<>\".,:;!?)\]}']", re.IGNORECASE)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("bot_command", re.compile(r"(?<![\w/<>@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<![\w@])@[A-Za-z][A-Za-z0-9_]{2,31}\b")),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d])\w{1,255}")),
)


def utf16_length(text: str) -> int:
    """Return the length that Telegram's limits and entity offsets count."""
    return len(text.encode("utf-16-le")) // 2


def detect_entities(text: str) -> list[Entity]:
    """Return the commands, links, addresses, mentions and hashtags of a plain text, in their order.

    Where two patterns overlap, the one listed first wins: a link may contain what looks like a mention.
    """
    found: list[tuple[int, int, str]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if all(end <= other_start or start >= other_end for other_start, other_end, _ in found):
                found.append((start, end, kind))
    return [
        {"type": kind, "offset": utf16_length(text[:start]), "length": utf16_length(text[start:end])}
        for start, end, kind in sorted(found)
    ]
