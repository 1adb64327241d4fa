"""The text of a message as a bot sends it: plain, with entities of its own, or in Telegram's HTML."""

import html
import re
from dataclasses import dataclass, field

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.entities import Entity, detect_entities, utf16_length

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
    "tg-spoiler": "spoiler",
    "a": "text_link",
}
_TOKEN = re.compile(
    r"<(?P<end>/)?(?P<tag>[A-Za-z][A-Za-z0-9-]*)(?P<attributes>[^<>]*)>"
    r"|&(?P<reference>lt|gt|amp|quot|#\d+|#x[0-9A-Fa-f]+);"
    r"|<"
)
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def read_text(call: Call, name: str = "text", entities_name: str = "entities") -> tuple[str, list[Entity]]:
    """Return the parsed text, trimmed as Telegram trims it, and its entities."""
    raw = call.params.text(name) or ""
    mode = (call.params.text("parse_mode") or "").lower()
    if mode == "html":
        text, entities = parse_html(raw)
        return _trimmed(text, entities)
    if mode:
        raise bad_request("unsupported parse_mode")
    given = call.params.json_list(entities_name)
    if given is not None:
        return _trimmed(raw, [_checked(entity) for entity in given])
    text = raw.strip()
    return text, detect_entities(text)


def parse_html(markup: str) -> tuple[str, list[Entity]]:
    """Return plain text and entities of Telegram's HTML. Raises ApiError for markup that it does not take."""
    page = _Page()
    position = 0
    for token in _TOKEN.finditer(markup):
        page.text += markup[position : token.start()]
        position = token.end()
        if token["reference"]:
            page.text += html.unescape(token[0])
        elif token["end"]:
            page.close(token["tag"].lower(), _byte_offset(markup, token))
        else:
            page.open((token["tag"] or "").lower(), token["attributes"] or "", _byte_offset(markup, token))
    page.text += markup[position:]
    if page.unclosed:
        raise _unparsable(f'Can\'t find end tag corresponding to start tag "{page.unclosed[-1][0]}"')
    taken = {offset for entity in page.entities for offset in _span(entity)}
    found = [each for each in detect_entities(page.text) if taken.isdisjoint(_span(each))]
    return page.text, sorted(page.entities + found, key=_position)


@dataclass
class _Page:
    """What has been read so far."""

    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    unclosed: list[tuple[str, Entity]] = field(default_factory=list)

    def open(self, tag: str, attributes: str, byte_offset: int) -> None:
        if tag not in _TAGS:
            raise _unparsable(f'Unsupported start tag "{tag}" at byte offset {byte_offset}')
        entity: Entity = {"type": _TAGS[tag], "offset": utf16_length(self.text)}
        if tag == "a":
            link = _HREF.search(attributes)
            entity["url"] = html.unescape(link[1] or link[2]) if link else ""
        self.unclosed.append((tag, entity))

    def close(self, tag: str, byte_offset: int) -> None:
        if not self.unclosed:
            raise _unparsable(f"Unexpected end tag at byte offset {byte_offset}")
        expected, entity = self.unclosed.pop()
        if tag != expected:
            raise _unparsable(
                f'Unmatched end tag at byte offset {byte_offset}, expected "</{expected}>", found "</{tag}>"'
            )
        entity["length"] = utf16_length(self.text) - _number(entity["offset"])
        if entity["length"] and entity.get("url") != "":
            self.entities.append(entity)


def _byte_offset(markup: str, token: re.Match[str]) -> int:
    return len(markup[: token.start()].encode())


def _unparsable(sentence: str) -> ApiError:
    return bad_request(f"can't parse entities: {sentence}")


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut white space off both ends and move the entities along."""
    lead = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    end = utf16_length(text)
    moved: list[Entity] = []
    for entity in entities:
        offset, length = _number(entity["offset"]) - lead, _number(entity["length"])
        start, stop = max(offset, 0), min(offset + length, end)
        if stop > start:
            moved.append(entity | {"offset": start, "length": stop - start})
    return text, moved


def _checked(entity: object) -> Entity:
    if not isinstance(entity, dict) or not isinstance(entity.get("type"), str):
        raise bad_request("can't parse MessageEntity: it must be an Object with a type")
    if not isinstance(entity.get("offset"), int) or not isinstance(entity.get("length"), int):
        raise bad_request("can't parse MessageEntity: offset and length must be Integers")
    return entity


def _span(entity: Entity) -> range:
    offset = _number(entity["offset"])
    return range(offset, offset + _number(entity["length"]))


def _position(entity: Entity) -> tuple[int, int]:
    return _number(entity["offset"]), -_number(entity["length"])


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
