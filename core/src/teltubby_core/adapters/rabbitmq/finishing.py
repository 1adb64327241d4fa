"""What was begun at the broker is brought to an end, even when whoever asked for it is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns. When cancelled, wait for its end first: it has a limit of its own.

    A publish without its ack, or a consumer nobody knows of, would otherwise be left behind.
    """
    task = asyncio.create_task(work, name="at the broker")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: its caller is gone
        raise
