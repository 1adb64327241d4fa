"""Every document is held against its schema, and the schemas say the same as the code."""

import json
from collections.abc import Iterator
from copy import deepcopy
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from support import a_file
from teltubby_core.documents import check, encode, schema
from teltubby_core.domain.media import ForwardOrigin, MediaKind
from teltubby_core.domain.records import DedupReason, ItemRecord, ItemState
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sidecar import MessageDocument, MetadataDocument, message_document, metadata_document
from teltubby_core.errors import PermanentError
from teltubby_core.testing import sample_job
from unit.teltubby_core.records import SHA, a_record, an_item, an_origin

NOW = 1_740_000_000.0
MESSAGE, METADATA = "message.schema.json", "metadata.schema.json"
ALBUM = (
    an_item(1, caption="c", origin=an_origin()),
    an_item(2, state=ItemState.DUPLICATE),
    an_item(3, state=ItemState.SKIPPED, reason="too large"),
    an_item(4, state=ItemState.FAILED, reason="gone"),
    an_item(5, route=Route.MTPROTO),
)
PLAIN_FILE = a_file().model_copy(
    update={"size_bytes": None, "mime_type": None, "width": None, "height": None, "kind": MediaKind.DOCUMENT}
)


def _message(*items: ItemRecord) -> bytes:
    return encode(message_document(a_record(*items), "archive", NOW))


def _metadata() -> bytes:
    return encode(
        metadata_document(
            sample_job(), bucket="b", sha256=SHA, size_bytes=1, archived_at=NOW, worker="w", redeliveries=0
        )
    )


@pytest.mark.parametrize(
    "items",
    [
        ALBUM,
        *((item,) for item in ALBUM),
        (an_item(media=PLAIN_FILE),),
        *((an_item(origin=an_origin(kind)),) for kind in ("user", "chat", "channel")),
        (an_item(origin=ForwardOrigin.model_validate({"type": "hidden_user", "date": 0, "name": "X"})),),
    ],
)
def test_documents_of_every_outcome_are_accepted(items: tuple[ItemRecord, ...]) -> None:
    assert json.loads(_message(*items))["files_count"] == len(items)


def test_a_workers_document_is_accepted() -> None:
    assert json.loads(_metadata())["job_id"] == "job-1"


def test_documents_are_readable_utf_8_text_with_a_newline_at_the_end() -> None:
    text = _message(an_item(caption="Ж 🎉")).decode()
    assert "Ж 🎉" in text
    assert text.endswith("}\n")


DAMAGE: list[tuple[str, list[str | int], Any]] = [
    ("another version", ["schema_version"], "2.0"),
    ("a time without zone", ["archive_timestamp_utc"], "2025-01-01T00:00:00"),
    ("a time that is none", ["message_timestamp_utc"], "yesterdayZ"),
    ("no bucket", ["bucket"], ""),
    ("a key that starts with a dot", ["keys", 0], "teltubby/.x"),
    ("an upper-case key", ["base_path"], "Teltubby/x"),
    ("a URL instead of a key", ["keys", 0], "https://host/x.jpg"),
    ("a key that is too long", ["base_path"], "x" * 513),
    ("no files", ["files_count"], 0),
    ("negative bytes", ["total_bytes_uploaded"], -1),
    ("an unknown reason", ["dedup_reason"], "luck"),
    ("notes that are no list", ["notes"], "none"),
    ("a damaged edit", ["edits"], [{"caption_plain": "x"}]),
    ("an unknown field", ["extra"], 1),
    ("no items", ["telegram", "items"], []),
    ("a message id of zero", ["telegram", "message_id"], 0),
    (
        "an origin with more than we know",
        ["telegram", "forward_origin"],
        {"type": "user", "date": "2025-01-01T00:00:00Z", "phone": "1"},
    ),
    ("an entity without place", ["telegram", "caption_entities"], [{"type": "bold"}]),
    ("an ordinal of zero", ["telegram", "items", 0, "ordinal"], 0),
    ("an unknown kind", ["telegram", "items", 0, "type"], "fax"),
    ("a short hash", ["telegram", "items", 0, "sha256"], "abc"),
    ("a stored item without hash", ["telegram", "items", 0, "sha256"], None),
    ("a stored duplicate", ["telegram", "items", 0, "duplicate_of"], "teltubby/x"),
    ("no outcome at all", ["telegram", "items", 0, "s3_key"], None),
    ("an unknown route", ["telegram", "items", 0, "route"], "pigeon"),
]


@pytest.mark.parametrize(("place", "value"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_a_damaged_message_json_is_refused(place: list[str | int], value: Any) -> None:
    document = json.loads(_message(*ALBUM))
    check(MESSAGE, document)
    _put(document, place, value)
    with pytest.raises(PermanentError, match=r"^message\.schema\.json: \$"):
        check(MESSAGE, document)


@pytest.mark.parametrize(("name", "document"), [(MESSAGE, _message(*ALBUM)), (METADATA, _metadata())])
def test_every_field_is_required(name: str, document: bytes) -> None:
    for path in list(_fields(json.loads(document))):
        damaged = json.loads(document)
        holder = _at(damaged, path[:-1])
        del holder[path[-1]]
        with pytest.raises(PermanentError):
            check(name, damaged)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["attempt"], 0),
        (["redeliveries"], -1),
        (["job_id"], ""),
        (["s3_key"], "/x"),
        (["message_json_key"], None),
        (["file", "sha256"], None),
        (["file", "size_bytes"], None),
        (["telegram", "message_id"], "7"),
        (["telegram", "extra"], 1),
    ],
)
def test_a_damaged_metadata_json_is_refused(place: list[str | int], value: Any) -> None:
    document = json.loads(_metadata())
    _put(document, place, value)
    with pytest.raises(PermanentError, match=r"^metadata\.schema\.json: \$"):
        check(METADATA, document)


def test_a_document_that_the_schema_does_not_accept_is_never_encoded() -> None:
    document = message_document(a_record(), "archive", NOW).model_copy(update={"files_count": 0})
    with pytest.raises(PermanentError, match="files_count"):
        encode(document)


@pytest.mark.parametrize(("name", "model"), [(MESSAGE, MessageDocument), (METADATA, MetadataDocument)])
def test_schema_and_code_name_the_same_fields(name: str, model: type[BaseModel]) -> None:
    root = schema(name)
    Draft202012Validator.check_schema(root)
    _compare(model, root, root)


def test_schemas_and_code_know_the_same_words() -> None:
    defs = schema(MESSAGE)["$defs"]
    item = defs["item"]["properties"]
    assert set(item["type"]["enum"]) == set(MediaKind)
    assert set(schema(METADATA)["properties"]["file"]["properties"]["type"]["enum"]) == set(MediaKind)
    assert set(item["route"]["enum"]) == {*Route, None}
    assert set(item["dedup_reason"]["enum"]) == {*DedupReason, None}
    for name in (MESSAGE, METADATA):
        origin = schema(name)["$defs"]["forward_origin"]["properties"]
        assert set(origin) == set(ForwardOrigin.model_fields)


def _compare(model: type[BaseModel], node: dict[str, Any], root: dict[str, Any]) -> None:
    node = _resolved(node, root)
    assert set(node["properties"]) == set(model.model_fields), model.__name__
    assert set(node["required"]) == set(model.model_fields), model.__name__
    assert node["additionalProperties"] is False
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            below = node["properties"][name]
            _compare(inner, below.get("items", below), root)


def _resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return _at(root, reference.removeprefix("#/").split("/")) if reference else node


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {tuple, Union, UnionType}:
        return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
    return None


def _at(node: Any, path: list[Any]) -> Any:
    for part in path:
        node = node[part]
    return node


def _put(document: Any, place: list[Any], value: Any) -> None:
    before = deepcopy(document)
    _at(document, place[:-1])[place[-1]] = value
    assert document != before, "the damage changes something"


def _fields(node: Any, path: tuple[Any, ...] = ()) -> Iterator[list[Any]]:
    """Yield the path of every field of ours; forward origins may leave out what Telegram does not tell."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield [*path, name]
            if name != "forward_origin":
                yield from _fields(value, (*path, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _fields(value, (*path, index))
