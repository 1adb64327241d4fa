"""InputMedia: a file with its caption inside of a parameter (core.telegram.org/bots/api#inputmedia)."""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import bad_request
from teltubby_simulator.botapi.formatting import Formatted, check_caption, read_formatted
from teltubby_simulator.botapi.json_fields import FieldError, JsonFields, as_object, unparsable
from teltubby_simulator.botapi.uploads import add_thumbnail, read_media
from teltubby_simulator.drafts import Draft
from teltubby_simulator.files import FileFields
from teltubby_simulator.model import Media, MediaKind

_KINDS: dict[str, MediaKind] = {
    "photo": "photo",
    "video": "video",
    "animation": "animation",
    "audio": "audio",
    "document": "document",
}
_ALBUM = range(1, 11)  # Telegram documents 2 to 10, and sends an album of one as a single message
_ALIKE = frozenset({"audio", "document"})  # kinds that share an album with none but their own


def read_album(call: Call) -> list[Draft]:
    """Return the items of an album. Raises ApiError for an item or a mixture that Telegram does not take."""
    call.params.required_text("media")
    given = call.params.json("media", "media")
    if not isinstance(given, list):
        raise bad_request("expected an Array of InputMedia")
    items = [read_input_media(call, each, for_album=True) for each in given]
    if len(items) > _ALBUM[-1]:
        raise bad_request("too many messages to send as an album")
    if not items:
        raise bad_request("there are no messages to send")
    kinds = {media.kind for item in items if (media := item.get("media")) is not None}
    for kind in sorted(kinds & _ALIKE):
        if len(kinds) > 1:
            raise bad_request(f"{kind.capitalize()} can't be mixed with other media types")
    for item in items:
        check_caption(item.get("caption") or "")
    return items


def read_input_media(call: Call, given: object, *, for_album: bool) -> Draft:
    """Return one InputMedia as a draft. Raises ApiError with Telegram's sentence."""
    try:
        fields = as_object(given)
        caption = _caption(fields)
        kind = fields.text("type")
        media = _media(call, fields, kind, for_album=for_album)
    except FieldError as problem:
        raise unparsable("InputMedia", problem) from problem
    return {"media": media, "caption": caption.text or None, "entities": caption.entities}


def _caption(fields: JsonFields) -> Formatted:
    return read_formatted(
        fields.optional_text("caption"), fields.optional_text("parse_mode"), fields.raw("caption_entities")
    )


def _media(call: Call, fields: JsonFields, kind: str, *, for_album: bool) -> Media:
    source = fields.optional_text("media")
    if kind not in _KINDS:
        raise FieldError(f'type "{kind}" is unsupported')
    media = read_media(call, _KINDS[kind], source or None, None, _details(fields))
    if media is None:
        raise FieldError("media not found")
    if for_album and kind == "animation":
        raise FieldError(f'type "{kind}" can\'t be used in sendMediaGroup')
    if source.startswith("attach://"):
        add_thumbnail(call, media, fields.optional_text("thumbnail"))
    return media


def _details(fields: JsonFields) -> FileFields:
    return {
        "width": fields.optional_integer("width") or None,
        "height": fields.optional_integer("height") or None,
        "duration": fields.optional_integer("duration") or None,
        "performer": fields.optional_text("performer") or None,
        "title": fields.optional_text("title") or None,
    }
