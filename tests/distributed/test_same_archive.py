"""One process on embedded parts and many on real servers make the same archive of the same messages."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from distributed.stage import DistributedStage
from integration.harness import MIB, Stage
from integration.harness import new_stage as new_embedded_stage
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import OriginChannel

OWN = {
    # ids that Telegram or we make up, and who did the work
    *("bot_id", "chat_id", "sender_id", "user_id", "file_id", "file_unique_id", "media_group_id", "id"),
    *("job_id", "correlation_id", "worker", "bucket"),
    # times
    *("archive_timestamp_utc", "message_timestamp_utc", "edited_at_utc", "date"),
}
TIMES_AND_IDS = re.compile(r"[0-9]{8}-[0-9]{6}|teltubby/[0-9]{4}/[0-9]{2}|-g[0-9]+")


async def play(stage: Stage) -> None:
    """Send of everything, in the same order, so that messages have the same numbers; one after the other."""
    await stage.start()
    world, cast = stage.world, stage.cast
    channel = world.add_chat("channel", "Nature Daily", "naturedaily")
    origin = OriginChannel(channel, 42, 1_700_000_000)
    video = world.make_media("video", BytesContent(b"v" * 5000), mime_type="video/mp4", width=4, height=2, duration=9)
    large = stage.document("large", 21 * MIB, "Отчёт 2026.tar.gz")
    for file, caption in (
        (stage.photo(b"p"), "Слава – the 1st photo of six words and more"),
        (video, None),
        (large, "large"),
        (large, "the same again"),
        (stage.document("large", 21 * MIB, "renamed.bin"), "the same bytes"),
        (stage.document("empty", 0, "empty.txt"), None),
    ):
        await stage.until_ended(cast.sends(file, caption))
    await stage.until_ended(cast.sends(stage.photo(b"forwarded"), "from afar", origin))
    mixed = [(stage.photo(b"x"), "Our summer"), (stage.document("big", 22 * MIB, "f.mkv"), None)]
    await stage.until_ended(cast.sends_album([*mixed, (stage.photo(b"y"), "and more")])[0])
    world.edit(cast.sent[0], caption="another caption")
    await stage.until(lambda: "another caption" in _texts(stage.archive), what="the edit")
    await stage.until(lambda: _all_done(stage), what="the end of all work")
    assert await stage.stop() == 0


def _all_done(stage: Stage) -> bool:
    try:
        stage.assert_nothing_left()
    except AssertionError:
        return False
    return True


def _texts(archive: Path) -> str:
    return "".join(path.read_text("utf-8") for path in archive.rglob("message.json"))


def content(archive: Path) -> dict[str, Any]:
    """Return every object by its key, times and ids aside: documents as values, files as sha256."""
    paths = [path for path in archive.rglob("*") if path.is_file()]
    return {without_own(str(path.relative_to(archive))): _value(path) for path in paths}


def _value(path: Path) -> Any:
    if path.suffix != ".json":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return without_own(json.loads(path.read_text("utf-8")))


def without_own(value: Any) -> Any:
    """Return a part of a document without what differs from one run to the next."""
    if isinstance(value, dict):
        return {name: "…" if name in OWN and part else without_own(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_own(part) for part in value]
    return TIMES_AND_IDS.sub("…", value) if isinstance(value, str) else value


@pytest.mark.timeout(240)
async def test_the_archive_is_the_same_as_that_of_one_process(stage: DistributedStage, tmp_path: Path):
    await play(stage)
    (tmp_path / "embedded").mkdir()
    async with new_embedded_stage(tmp_path / "embedded") as embedded:
        await play(embedded)

        expected, found = content(embedded.archive), content(stage.archive)
        assert found.keys() == expected.keys()
        assert found == expected
    assert len([key for key in found if key.endswith("/message.json")]) == 8
