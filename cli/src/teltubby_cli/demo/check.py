"""Does the archive hold what was sent? Judged from the files on disk alone, by nothing of the product's own code."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teltubby_cli.demo.cast import digest
from teltubby_simulator.model import Message

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One sent file and where its bytes lie. ``problem`` is None when all is well."""

    name: str
    size: int
    key: str
    duplicate: bool
    problem: str | None


def check(archive: Path, sent: list[Message]) -> list[Finding]:
    """Compare every sent file with the object that its message.json names, and look for what should not be there."""
    documents = _documents(archive)
    findings = [_compare(archive, documents, message) for message in sent]
    named = {finding.key for finding in findings}
    files = [str(path.relative_to(archive)) for path in archive.rglob("*") if path.is_file()]
    strays = [name for name in files if name not in named and not name.endswith(".json")]
    return findings + [Finding(name, 0, name, duplicate=False, problem="nobody sent this") for name in strays]


def _documents(archive: Path) -> dict[str, dict[str, Any]]:
    """Return each item of each message.json by the file's unique id, per message."""
    found: dict[str, dict[str, Any]] = {}
    for path in archive.rglob("message.json"):
        document = json.loads(path.read_text("utf-8"))["telegram"]
        for item in document["items"]:
            group = document["media_group_id"] or document["message_id"]
            found[f"{group} {item['file_unique_id']}"] = item
    return found


def _compare(archive: Path, documents: dict[str, dict[str, Any]], message: Message) -> Finding:
    assert message.media is not None, "the curator's messages carry files"
    file = message.media.file
    name = file.file_name or message.media.kind
    item = documents.get(f"{message.media_group_id or message.id} {file.unique_id}")
    if item is None:
        return Finding(name, file.content.size, "–", duplicate=False, problem="no message.json names it")
    key = item["s3_key"] or item["duplicate_of"] or "–"
    path = archive / key
    wanted = digest(message)
    problem: str | None = None
    if not path.is_file():
        problem = "there is no object"
    elif _sha256(path) != wanted:
        problem = "the object's bytes differ"
    elif item["sha256"] != wanted:
        problem = "message.json names another sha256"
    return Finding(name, file.content.size, key, item["s3_key"] is None, problem)


def _sha256(path: Path) -> str:
    digest_of_file = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest_of_file.update(block)
    return digest_of_file.hexdigest()
