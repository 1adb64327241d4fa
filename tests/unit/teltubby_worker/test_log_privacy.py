"""Whatever becomes of a job, its caption and the bot's token stay out of the log, even at DEBUG."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from teltubby_core.domain.jobs import MAX_REDELIVERIES, TelegramContext
from teltubby_core.errors import OverLimitError, PermanentError, StorageFullError, TransientError
from teltubby_core.logs import set_up_logging
from teltubby_core.testing import MemorySource
from unit.teltubby_core.logging_rig import logging_kept
from unit.teltubby_worker.bench import BODY, Bench, job

TOKEN = "123456789:AAE-abc_def" + "Z" * 25
KEY = "teltubby/2025/06/mtproto/5/20250601-000000_ada_ada_m5_001_confession-to-martha.mp4"
WORDS = ("confession", "martha")
JOB = job(telegram_context=TelegramContext(caption="Confession to Martha"), key=KEY)


@pytest.fixture
def printed() -> Iterator[io.StringIO]:
    with logging_kept():
        stream = io.StringIO()
        set_up_logging("DEBUG", "json", stream, secrets=[TOKEN])
        yield stream


@pytest.mark.parametrize(
    "error",
    [
        None,
        TransientError(f"the upload of {KEY!r} was cut short"),
        TransientError("flood", 900),
        PermanentError("the message is gone"),
        OverLimitError("too large"),
        StorageFullError(f"no space for {KEY}"),
        RuntimeError(f"a defect at {KEY}, https://api.telegram.org/bot{TOKEN}/getFile"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_outcome_of_a_job_shows_its_caption(printed: io.StringIO, error: Exception | None) -> None:
    bench = Bench()
    bench.telegram.sources = [MemorySource(BODY, error, at=10)] if error else [MemorySource(BODY)]
    await bench.handle(JOB)
    await bench.queue.publish(JOB)
    _check(printed.getvalue())


async def test_a_job_that_is_given_up_does_not_either(printed: io.StringIO) -> None:
    await Bench().handle(JOB, redeliveries=MAX_REDELIVERIES + 1)
    _check(printed.getvalue())


def _check(printed: str) -> None:
    lines = [json.loads(line) for line in printed.splitlines()]
    ours = [line for line in lines if line["logger"].startswith("teltubby")]
    assert ours
    assert all((line["correlation_id"], line["job_id"]) == ("corr-1", "job-5") for line in ours)
    assert not [word for word in (*WORDS, TOKEN.partition(":")[2]) if word in printed.lower()]
    assert logging.getLogger().level == logging.DEBUG
