"""Documents of ours as bytes: no message.json or metadata.json is written that its JSON Schema does not accept."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft202012Validator

from teltubby_core.domain.sidecar import MessageDocument, MetadataDocument
from teltubby_core.errors import PermanentError

JSON_TYPE = "application/json"
_SCHEMAS: dict[type[MessageDocument | MetadataDocument], str] = {
    MessageDocument: "message.schema.json",
    MetadataDocument: "metadata.schema.json",
}


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a shipped JSON Schema: ``message.schema.json`` or ``metadata.schema.json``."""
    loaded: dict[str, Any] = json.loads(files("teltubby_core.schemas").joinpath(name).read_text("utf-8"))
    return loaded


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name), validate_formats=True)


def check(name: str, document: Any) -> None:
    """Hold a parsed document against the schema ``name``.

    Raises:
        PermanentError: naming the place in the document and the rule it breaks, but nothing of the content: the text
            goes to a log, and captions do not.
    """
    error = next(_validator(name).iter_errors(document), None)
    if error is not None:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        raise PermanentError(f"{name}: ${place}: breaks the rule {error.schema_path[-1]!r}")


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
