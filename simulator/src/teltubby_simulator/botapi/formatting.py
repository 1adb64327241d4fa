"""The text of a message as a bot sends it: plain, with entities of its own, in Telegram's HTML or MarkdownV2.

Source of the sentences: tdlib/telegram-bot-api, Client::get_formatted_text, and tdlib/td, fix_formatted_text.
"""

from dataclasses import dataclass

from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.html import parse_html
from teltubby_simulator.botapi.json_fields import FieldError, as_object, unparsable
from teltubby_simulator.botapi.markdown import parse_markdown
from teltubby_simulator.drafts import CAPTION_LIMIT, TEXT_LIMIT
from teltubby_simulator.entities import Entity, detect_entities, utf16_length

_LONGEST_RAW = 1 << 15  # bytes before parsing
_LARGEST_NUMBER = 1_000_000  # that an entity's offset or length may be
_PLAIN = frozenset(
    {"bold", "italic", "underline", "strikethrough", "spoiler", "code", "blockquote", "expandable_blockquote"}
)
_FOUND_BY_TELEGRAM = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"}
)


@dataclass(frozen=True)
class Formatted:
    """A text or caption with its entities, trimmed as Telegram trims it."""

    text: str
    entities: list[Entity]


def read_formatted(raw: str, parse_mode: str, given: object) -> Formatted:
    """Return a parsed text; ``given`` are the bot's own entities, which a parse mode overrules.

    Raises:
        ApiError: the markup, an entity or the mode is wrong.
    """
    if len(raw.encode()) > _LONGEST_RAW:
        raise bad_request("text is too long")
    mode = parse_mode.lower()
    if raw and mode not in ("", "none"):
        if mode not in ("html", "markdownv2"):
            raise _unsupported(mode)
        text, entities = parse_html(raw) if mode == "html" else parse_markdown(raw)
    else:
        text = raw
        entities = _own_entities(given) if isinstance(given, list) else []
    taken = {offset for entity in entities for offset in _span(entity)}
    found = [each for each in detect_entities(text) if taken.isdisjoint(_span(each))]
    return _trimmed(text, sorted(entities + found, key=_position))


def check_message_text(text: str) -> None:
    """Refuse a parsed text that is no message: without a visible character, or too long."""
    if not text:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > TEXT_LIMIT:
        raise bad_request("message is too long")


def check_caption(text: str) -> None:
    """Refuse a parsed caption that is too long."""
    if utf16_length(text) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")


def _unsupported(mode: str) -> ApiError:
    # The older "Markdown" exists at Telegram, for old bots; a simulator for new ones refuses it.
    return bad_request("the mode Markdown is not simulated" if mode == "markdown" else "unsupported parse_mode")


def _own_entities(given: list[object]) -> list[Entity]:
    try:
        read = [_read_entity(each) for each in given]
    except FieldError as problem:
        raise unparsable("MessageEntity", problem) from problem
    for entity in read:
        for name in ("offset", "length"):
            if not 0 <= _number(entity[name]) <= _LARGEST_NUMBER:
                raise bad_request(f"receive an entity with incorrect {name} {entity[name]}")
    return [each for each in read if each["length"] and each["type"] not in _FOUND_BY_TELEGRAM]


def _read_entity(given: object) -> Entity:
    fields = as_object(given)
    entity: Entity = {"offset": fields.integer("offset"), "length": fields.integer("length")}
    kind = entity["type"] = fields.text("type")
    match kind:
        case "pre":
            if fields.optional_text("language"):
                entity["language"] = fields.optional_text("language")
        case "text_link":
            entity["url"] = fields.text("url")
        case "custom_emoji":
            entity["custom_emoji_id"] = str(fields.integer("custom_emoji_id"))
        case "text_mention":
            entity["user"] = {"id": as_object(fields.raw("user")).integer("id")}
        case "":
            raise FieldError("Type is not specified")
        case _ if kind not in _PLAIN | _FOUND_BY_TELEGRAM:
            raise FieldError("Unsupported type specified")
    return entity


def _trimmed(text: str, entities: list[Entity]) -> Formatted:
    """Cut white space off both ends and move the entities along; what lies outside of the text is gone."""
    lead = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    end = utf16_length(text)
    moved: list[Entity] = []
    for entity in entities:
        offset, length = _number(entity["offset"]) - lead, _number(entity["length"])
        start, stop = max(offset, 0), min(offset + length, end)
        if stop > start:
            moved.append({"type": entity["type"]} | entity | {"offset": start, "length": stop - start})
    return Formatted(text, moved)


def _span(entity: Entity) -> range:
    offset = _number(entity["offset"])
    return range(offset, offset + _number(entity["length"]))


def _position(entity: Entity) -> tuple[int, int]:
    return _number(entity["offset"]), -_number(entity["length"])


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
