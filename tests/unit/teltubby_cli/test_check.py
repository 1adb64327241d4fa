"""The demo's verdict: it must find whatever is not as it was sent."""

import json
from pathlib import Path

import pytest

from teltubby_cli.demo.cast import Cast, digest, new_cast
from teltubby_cli.demo.check import check
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import Message

KEY = "teltubby/2026/11/ada/3/file.bin"


@pytest.fixture
def cast() -> Cast:
    return new_cast()


@pytest.fixture
def message(cast: Cast) -> Message:
    return cast.sends(cast.world.make_media("document", BytesContent(b"every byte"), file_name="file.bin"))


def store(archive: Path, message: Message, **changes: object) -> None:
    """Write what an archive should hold, with changes to its document."""
    assert message.media is not None
    item = {
        "file_unique_id": message.media.file.unique_id,
        "s3_key": KEY,
        "duplicate_of": None,
        "sha256": digest(message),
    } | changes
    folder = archive / "teltubby/2026/11/ada/3"
    folder.mkdir(parents=True)
    (archive / KEY).write_bytes(b"every byte")
    document = {"telegram": {"message_id": message.id, "media_group_id": None, "items": [item]}}
    (folder / "message.json").write_text(json.dumps(document))


def problems(archive: Path, message: Message) -> list[str]:
    return [finding.problem for finding in check(archive, [message]) if finding.problem]


def test_what_was_sent_is_found(tmp_path: Path, message: Message):
    store(tmp_path, message)
    (finding,) = check(tmp_path, [message])
    assert finding.problem is None
    assert (finding.key, finding.size, finding.duplicate) == (KEY, 10, False)


def test_a_changed_byte_is_found(tmp_path: Path, message: Message):
    store(tmp_path, message)
    (tmp_path / KEY).write_bytes(b"every bite")
    assert problems(tmp_path, message) == ["the object's bytes differ"]


def test_a_missing_object_is_found(tmp_path: Path, message: Message):
    store(tmp_path, message)
    (tmp_path / KEY).unlink()
    assert problems(tmp_path, message) == ["there is no object"]


def test_a_missing_document_is_found(tmp_path: Path, message: Message):
    store(tmp_path, message)
    (tmp_path / KEY).with_name("message.json").unlink()
    assert "no message.json names it" in problems(tmp_path, message)


def test_a_document_with_another_hash_is_found(tmp_path: Path, message: Message):
    store(tmp_path, message, sha256="0" * 64)
    assert problems(tmp_path, message) == ["message.json names another sha256"]


def test_a_file_that_nobody_sent_is_found(tmp_path: Path, message: Message):
    store(tmp_path, message)
    (tmp_path / "teltubby/2026/stray.bin").write_bytes(b"?")
    assert problems(tmp_path, message) == ["nobody sent this"]


def test_a_duplicate_is_judged_by_the_object_it_names(tmp_path: Path, message: Message):
    store(tmp_path, message, s3_key=None, duplicate_of=KEY)
    (finding,) = check(tmp_path, [message])
    assert finding.problem is None
    assert finding.duplicate
