"""Questions to the queue that somebody in a chat waits for: they get an answer or a reason soon."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from teltubby_core.errors import TeltubbyError

T = TypeVar("T")

_SECONDS = 5.0  # commands are read one by one


class AwayError(TeltubbyError):
    """The queue gave no answer that can be used."""


async def answered(question: Awaitable[T], seconds: float = _SECONDS) -> T:
    """Return the queue's answer. Whatever keeps it from answering must keep nobody's messages from being read.

    Raises:
        AwayError: there is none.
    """
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError:
        raise AwayError(f"no answer within {seconds:g} s") from None
    except TeltubbyError as error:
        raise AwayError(str(error)) from error
