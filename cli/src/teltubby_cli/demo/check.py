"""Does the archive hold what was sent? Judged from the objects alone, by nothing of the product's own code."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teltubby_cli.demo.cast import digest
from teltubby_cli.demo.objects import Folder, Objects, whole
from teltubby_simulator.model import Message


@dataclass(frozen=True)
class Finding:
    """One sent file and where its bytes lie. ``problem`` is None when all is well."""

    name: str
    size: int
    key: str
    duplicate: bool
    problem: str | None


def check(archive: Path, sent: list[Message]) -> list[Finding]:
    """Check an archive that lies in a folder."""
    return check_objects(Folder(archive), sent)


def check_objects(objects: Objects, sent: list[Message], *, shared: bool = False) -> list[Finding]:
    """Compare every sent file with the object that its message.json names, and look for what should not be there.

    In a ``shared`` archive everything may be there.
    """
    keys = frozenset(objects.sizes())
    items = _items(objects)
    findings = [_compare(objects, keys, items, message) for message in sent]
    if shared:
        return findings
    named = {finding.key for finding in findings}
    strays = [key for key in sorted(keys) if key not in named and not key.endswith(".json")]
    return findings + [Finding(key, 0, key, duplicate=False, problem="nobody sent this") for key in strays]


def documents(objects: Objects, name: str) -> dict[str, dict[str, Any]]:
    """Return the JSON documents with this file name by key, in order of their keys."""
    keys = sorted(key for key in objects.sizes() if key.rpartition("/")[2] == name)
    return {key: json.loads(whole(objects, key)) for key in keys}


def _items(objects: Objects) -> dict[str, dict[str, Any]]:
    """Return each item of each message.json by the file's unique id, per message."""
    found: dict[str, dict[str, Any]] = {}
    for document in documents(objects, "message.json").values():
        telegram = document["telegram"]
        for item in telegram["items"]:
            group = telegram["media_group_id"] or telegram["message_id"]
            found[f"{group} {item['file_unique_id']}"] = item
    return found


def _compare(objects: Objects, keys: frozenset[str], items: dict[str, dict[str, Any]], message: Message) -> Finding:
    assert message.media is not None, "the curator's messages carry files"
    file = message.media.file
    name = file.file_name or message.media.kind
    item = items.get(f"{message.media_group_id or message.id} {file.unique_id}")
    if item is None:
        return Finding(name, file.content.size, "–", duplicate=False, problem="no message.json names it")
    key = item["s3_key"] or item["duplicate_of"] or "–"
    wanted = digest(message)
    problem: str | None = None
    if key not in keys:
        problem = "there is no object"
    elif _sha256(objects, key) != wanted:
        problem = "the object's bytes differ"
    elif item["sha256"] != wanted:
        problem = "message.json names another sha256"
    return Finding(name, file.content.size, key, item["s3_key"] is None, problem)


def _sha256(objects: Objects, key: str) -> str:
    digest_of_object = hashlib.sha256()
    for block in objects.blocks(key):
        digest_of_object.update(block)
    return digest_of_object.hexdigest()
