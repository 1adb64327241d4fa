"""What these tests do to a stage: send commands, make transfers slow enough to be caught at, and catch them."""

import re
from collections.abc import Sequence

from distributed.stage import DistributedStage
from teltubby_simulator.model import Message, User

PACE = 4 * 1024 * 1024
"""Bytes a second at which files come slowly; a part of an upload has 5 MiB here."""
CRAWL = 512 * 1024
"""Bytes a second at which they hardly go on: what is caught in the middle stays there."""
SMALL_LIMIT = 100_000
"""Bytes above which a file is a worker's, where many are wanted: they need not be large then."""


def slowly(stage: DistributedStage) -> None:
    """Let Telegram hand files out at ``PACE``."""
    stage.world.faults.mtproto.account_bandwidth = PACE


def at_full_speed(stage: DistributedStage) -> None:
    """Let it go on as fast as it can."""
    stage.world.faults.mtproto.account_bandwidth = None


def parts_fetched(stage: DistributedStage) -> int:
    """Return how many parts of files were asked for, by all workers."""
    return len(stage.world.journal.entries("upload.getFile"))


async def in_mid_file(stage: DistributedStage, *messages: Message) -> None:
    """Catch these as they are being fetched, each with an upload at the store; what comes slowly then crawls."""
    await stage.until(lambda: _uploading(stage, messages), what="transfers under way")
    if stage.world.faults.mtproto.account_bandwidth:
        stage.world.faults.mtproto.account_bandwidth = CRAWL
    await stage.until(lambda: all("▰" in stage.said_to(message) for message in messages), what="progress told")
    assert _uploading(stage, messages), "still"


def _uploading(stage: DistributedStage, messages: Sequence[Message]) -> bool:
    running = all(stage.state_of(message) == "PROCESSING" for message in messages)
    return running and len(stage.bucket.uploads()) >= len(messages)


async def answer(stage: DistributedStage, text: str, user: User | None = None) -> str:
    """Send a command; return its answer."""
    command = stage.world.send(user or stage.cast.curator, stage.cast.bot, text=text)
    await stage.until(lambda: stage.said_to(command), what=f"the answer to {text}")
    return stage.said_to(command)


async def short_id(stage: DistributedStage, message: Message) -> str:
    """Return the id of a message's job as its reply shows it."""
    await stage.until(lambda: "/cancel " in stage.said_to(message), what="the job's id in the reply")
    found = re.search(r"/cancel (\S+)", stage.said_to(message))
    assert found is not None
    return found.group(1)
