"""Documents of ours as bytes: no message.json or metadata.json is written that its JSON Schema does not accept."""

import json
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from teltubby_core.domain.sidecar import MessageDocument, MetadataDocument
from teltubby_core.errors import PermanentError

JSON_TYPE = "application/json"
_SCHEMAS: dict[type[MessageDocument | MetadataDocument], str] = {
    MessageDocument: "message.schema.json",
    MetadataDocument: "metadata.schema.json",
}
_FORMATS = FormatChecker(formats=())
"""The library checks times only when another package is installed, so that one format is ours."""


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time_with_zone(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a shipped JSON Schema: ``message.schema.json`` or ``metadata.schema.json``."""
    loaded: dict[str, Any] = json.loads(files("teltubby_core.schemas").joinpath(name).read_text("utf-8"))
    return loaded


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name), format_checker=_FORMATS)


def check(name: str, document: Any) -> None:
    """Hold a parsed document against the schema ``name``.

    Raises:
        PermanentError: naming the place in the document and the rule it breaks, but nothing of the content: the text
            goes to a log, and captions do not.
    """
    error = best_match(_validator(name).iter_errors(document))
    if error is not None:
        raise PermanentError(f"{name}: {error.json_path}: breaks the rule {error.validator!r}")


def encode(document: MessageDocument | MetadataDocument) -> bytes:
    """Return the document as UTF-8 JSON, checked against its schema.

    Raises:
        PermanentError: the schema does not accept it.
    """
    parsed = document.model_dump(mode="json")
    check(_SCHEMAS[type(document)], parsed)
    return (json.dumps(parsed, ensure_ascii=False, indent=2) + "\n").encode()


for _name in _SCHEMAS.values():
    _validator(_name)  # read here: the first document is made in the event loop, where no disk is waited for
