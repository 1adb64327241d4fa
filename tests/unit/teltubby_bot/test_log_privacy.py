"""From the update to the object or the failure, a caption stays out of the bot's log, even at DEBUG."""

import io
import json
from collections.abc import Iterator

import pytest

from support import a_file
from teltubby_core.domain.routing import Limits
from teltubby_core.errors import PermanentError, StorageUnavailableError, TeltubbyError
from teltubby_core.logs import set_up_logging
from unit.teltubby_bot.archiver_bench import Bench
from unit.teltubby_bot.stage import Stage
from unit.teltubby_core.logging_rig import logging_kept
from unit.teltubby_core.test_redaction import TOKEN

CAPTION = "Confession to Martha"
WORDS = ("confession", "martha")


@pytest.fixture
def printed() -> Iterator[io.StringIO]:
    with logging_kept():
        stream = io.StringIO()
        set_up_logging("DEBUG", "json", stream, secrets=[TOKEN])
        yield stream


def check(printed: io.StringIO, *expected: str) -> None:
    """Look for each text of ``expected``, and for no word of the caption."""
    text = printed.getvalue()
    assert [json.loads(line) for line in text.splitlines()]
    assert all(each in text for each in expected), text
    assert not [word for word in WORDS if word in text.lower()], text


async def test_a_stored_file_is_named_without_its_caption(stage: Stage, printed: io.StringIO) -> None:
    item = await stage.item(content=b"x" * 1000, caption=CAPTION)
    settled = await Bench(stage).settled(item)
    assert settled.key is not None
    assert "martha" in settled.key
    check(printed, "stored teltubby/", "_m7_001_….jpg", item.correlation_id)


async def test_a_duplicate_is_too(stage: Stage, printed: io.StringIO) -> None:
    bench = Bench(stage)
    await bench.settled(await stage.item(7, content=b"x" * 1000, caption=CAPTION))
    await bench.settled(await stage.item(8, content=b"x" * 1000, caption=CAPTION))
    check(printed, "duplicate of teltubby/")


async def test_a_job_is_too(stage: Stage, printed: io.StringIO) -> None:
    bench = Bench(stage)
    bench.make(limits=Limits(10, 10_000))
    await bench.settled(await stage.item(media=a_file(size=1000), caption=CAPTION))
    check(printed, "queued as job")


@pytest.mark.parametrize("error", [StorageUnavailableError("gone"), PermanentError("refused"), None])
async def test_so_is_a_file_that_fails(stage: Stage, printed: io.StringIO, error: TeltubbyError | None) -> None:
    item = await stage.item(content=b"x" * 1000, caption=CAPTION)
    if error:
        stage.store.fail_with = error
    else:
        stage.telegram.files.clear()  # a defect: the fake does not know the file
    await Bench(stage).round()
    check(printed, item.correlation_id)
