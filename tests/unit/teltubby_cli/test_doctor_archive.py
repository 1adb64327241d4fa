"""The archive's place: tried out without a trace, and told whose it is."""

import json
import os
from pathlib import Path

import pytest

from teltubby_cli.doctor.archive import look_at_bucket, look_at_folder
from teltubby_cli.doctor.finding import Verdict
from teltubby_core.errors import StorageFullError, TeltubbyError
from teltubby_core.ownership import OWNER_KEY
from teltubby_core.testing import StoredObject
from unit.teltubby_cli.doctor_bench import BOT_ID, FakeBucket, said, wrong

PLACE = "http://minio:9000"


def owned_by(store: FakeBucket, record: object) -> FakeBucket:
    body = record if isinstance(record, bytes) else json.dumps(record).encode()
    store.objects[OWNER_KEY] = StoredObject(body, "application/json")
    return store


async def test_a_bucket_is_found_or_made_tried_out_and_left_as_it_was():
    store = FakeBucket()
    lines = await said(look_at_bucket(store, PLACE, BOT_ID, None))
    assert {verdict for verdict, _ in lines} == {Verdict.FINE}
    assert "“photos” at http://minio:9000" in lines[0][1]
    assert store.made
    assert store.objects == {}


async def test_what_can_not_be_written_is_told_in_the_stores_own_words():
    store = FakeBucket()
    store.fail_with = StorageFullError("no space left")
    with pytest.raises(StorageFullError):
        await said(look_at_bucket(store, PLACE, BOT_ID, None))


async def test_a_probe_that_can_not_be_read_is_removed_all_the_same():
    class Unreadable(FakeBucket):
        async def get(self, key: str) -> bytes | None:
            raise StorageFullError("not now")

    store = Unreadable()
    with pytest.raises(StorageFullError):
        await said(look_at_bucket(store, PLACE, BOT_ID, None))
    assert store.objects == {}


async def test_a_store_that_gives_other_bytes_back_is_told():
    class Changing(FakeBucket):
        async def get(self, key: str) -> bytes | None:
            return b"something else"

    with pytest.raises(TeltubbyError, match="does not read the same"):
        await said(look_at_bucket(Changing(), PLACE, BOT_ID, None))


async def test_a_store_that_removes_nothing_is_told():
    class Keeping(FakeBucket):
        async def delete(self, key: str) -> None:
            return

    with pytest.raises(TeltubbyError, match="still there"):
        await said(look_at_bucket(Keeping(), PLACE, BOT_ID, None))


@pytest.mark.parametrize(
    ("record", "bot_id", "verdict", "text"),
    [
        ({"bot_id": BOT_ID}, BOT_ID, Verdict.FINE, f"it belongs to this bot ({BOT_ID})"),
        ({"bot_id": 5}, BOT_ID, Verdict.WRONG, "it is the archive of bot 5"),
        ({"bot_id": 5}, None, Verdict.NOT_CHECKED, "it belongs to bot 5"),
        (b"\xff", BOT_ID, Verdict.WRONG, "can't be read"),
        ([1], BOT_ID, Verdict.WRONG, "can't be read"),
        ({"bot_id": "me"}, BOT_ID, Verdict.WRONG, "can't be read"),
    ],
)
async def test_the_owner_is_compared_with_the_token(record: object, bot_id: int | None, verdict: Verdict, text: str):
    lines = await said(look_at_bucket(owned_by(FakeBucket(), record), PLACE, bot_id, None))
    assert lines[1][0] is verdict
    assert text in lines[1][1]


@pytest.mark.parametrize(
    ("setting", "servers", "text"),
    [
        (None, None, "no quota"),
        (None, 5_000_000, "quota 5 MB (the bucket's own)"),
        (2_500_000_000_000, 5_000_000, "quota 2.5 TB (S3_BUCKET_QUOTA_BYTES)"),
    ],
)
async def test_the_quota_is_the_settings_else_the_servers(setting: int | None, servers: int | None, text: str):
    lines = await said(look_at_bucket(FakeBucket(servers), PLACE, BOT_ID, setting))
    assert lines[-1] == (Verdict.FINE, text)


async def test_a_folder_is_tried_out_and_its_free_space_told(tmp_path: Path):
    store = FakeBucket()
    lines = await said(look_at_folder(store, tmp_path, BOT_ID, None))
    assert [verdict for verdict, _ in lines] == [Verdict.FINE] * 3
    assert str(tmp_path) in lines[0][1]
    assert "free there; no quota" in lines[2][1]
    assert store.objects == {}


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path):
    folder = tmp_path / "new" / "archive"
    lines = await said(look_at_folder(FakeBucket(), folder, BOT_ID, None))
    assert lines == [(Verdict.FINE, f"{folder} is not there yet; it is made at the start")]
    assert not folder.parent.exists()


async def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root all folders are writable
    (line,) = await wrong(look_at_folder(FakeBucket(), tmp_path / "new" / "archive", BOT_ID, None))
    assert f"{tmp_path} is not writable for this user" in line
    assert "ARCHIVE_DIR" in line
