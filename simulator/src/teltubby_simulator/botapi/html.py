"""Telegram's HTML: plain text and entities of a markup (core.telegram.org/bots/api#html-style).

Source of the sentences: tdlib/td, td/telegram/MessageEntity.cpp, parse_html.
"""

import html
import re
from dataclasses import dataclass, field

from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.links import LinkError, check_link
from teltubby_simulator.entities import Entity, utf16_length

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
}
_TOKEN = re.compile(
    r"</(?P<end>[^\s>]*)\s*>"
    r"|<(?P<start>[^\s>/][^\s>]*|)(?P<attributes>[^>]*)>"
    r"|&(?P<reference>lt|gt|amp|quot|#\d+|#x[0-9A-Fa-f]+);?"
    r"|<"
)
_ATTRIBUTE = re.compile(r"""(?P<name>[^\s=>/"']+)(?:\s*=\s*(?:"(?P<d>[^"]*)"|'(?P<s>[^']*)'|(?P<word>[\w.-]+)))?""")


def parse_html(markup: str) -> tuple[str, list[Entity]]:
    """Return plain text and entities. Raises ApiError for markup that Telegram does not take."""
    page = _Page()
    position = 0
    for token in _TOKEN.finditer(markup):
        page.text += markup[position : token.start()]
        position = token.end()
        at = len(markup[: token.start()].encode())
        if token["reference"]:
            page.text += html.unescape(f"&{token['reference']};")
        elif token["end"] is not None:
            page.close(token["end"].lower(), at)
        elif token["start"] is not None:
            page.open(token["start"].lower(), token["attributes"] or "", at)
        else:
            raise _unclosed(markup[token.start() :], at)
    page.text += markup[position:]
    if page.unclosed:
        raise unparsable(f'Can\'t find end tag corresponding to start tag "{page.unclosed[-1].tag}"')
    for entity in page.entities:
        if entity["type"] == "code":
            entity.pop("language", None)  # only blocks of code tell their language
    return page.text, page.entities


def unparsable(sentence: str) -> ApiError:
    """Return the refusal of a markup."""
    return bad_request(f"can't parse entities: {sentence}")


def _unclosed(rest: str, at: int) -> ApiError:
    """Say what is wrong with a < behind which there is no >: an unknown name comes before a missing end."""
    if rest.startswith("</"):
        return unparsable(f"Unclosed end tag at byte offset {at}")
    tag = re.split(r"\s", rest[1:], maxsplit=1)[0].lower()
    if tag not in _TAGS and len(rest) > len(tag) + 1:
        return unparsable(f'Unsupported start tag "{tag}" at byte offset {at}')
    return unparsable(f"Unclosed start tag at byte offset {at}")


@dataclass(frozen=True)
class _Open:
    tag: str
    offset: int
    begin: int  # position in the text
    argument: str


@dataclass
class _Page:
    """What has been read so far."""

    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    unclosed: list[_Open] = field(default_factory=list)

    def open(self, tag: str, attributes: str, at: int) -> None:
        if tag not in _TAGS:
            raise unparsable(f'Unsupported start tag "{tag}" at byte offset {at}')
        argument = _argument(tag, attributes)
        if tag == "span" and argument != "tg-spoiler":
            raise unparsable(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
        self.unclosed.append(_Open(tag, utf16_length(self.text), len(self.text), argument))

    def close(self, tag: str, at: int) -> None:
        if not self.unclosed:
            raise unparsable(f"Unexpected end tag at byte offset {at}")
        opened = self.unclosed.pop()
        if tag and tag != opened.tag:
            raise unparsable(f'Unmatched end tag at byte offset {at}, expected "</{opened.tag}>", found "</{tag}>"')
        length = utf16_length(self.text) - opened.offset
        if length:
            self._add(opened, {"type": _TAGS[opened.tag], "offset": opened.offset, "length": length})

    def _add(self, opened: _Open, entity: Entity) -> None:
        match opened.tag:
            case "a":
                try:
                    entity["url"] = check_link(opened.argument or self.text[opened.begin :])
                except LinkError:
                    return  # a link to nowhere is plain text
            case "tg-emoji":
                if not opened.argument.isdecimal():
                    raise unparsable("Invalid custom emoji identifier specified")
                entity["custom_emoji_id"] = opened.argument
            case "blockquote" if opened.argument:
                entity["type"] = "expandable_blockquote"
            case "code" | "pre" if self._is_code_in_pre(opened, entity):
                return
            case "code" if opened.argument:
                entity["language"] = opened.argument.removeprefix("language-")
        self.entities.append(entity)

    def _is_code_in_pre(self, opened: _Open, entity: Entity) -> bool:
        """Make code with a language inside of pre, of the same extent, one entity."""
        inner = self.entities[-1] if self.entities else {}
        same = (inner.get("offset"), inner.get("length")) == (entity["offset"], entity["length"])
        if opened.tag == "code" or not same or inner.get("type") != "code" or "language" not in inner:
            return False
        inner["type"] = "pre"
        return True


def _argument(tag: str, attributes: str) -> str:
    wanted = {"a": "href", "code": "class", "span": "class", "tg-emoji": "emoji-id", "blockquote": "expandable"}.get(
        tag
    )
    for found in _ATTRIBUTE.finditer(attributes):
        if found["name"] == wanted:
            value = found["d"] or found["s"] or found["word"] or ""
            return "1" if tag == "blockquote" else html.unescape(value)
    return ""
