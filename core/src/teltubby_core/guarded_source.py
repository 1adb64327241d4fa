"""A file at Telegram behind a circuit breaker: only its opening is a question that the breaker may refuse."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from teltubby_core.breaker import Breaker
from teltubby_core.ports import MediaSource


class GuardedSource:
    """A MediaSource whose first chunk is watched. What comes after it belongs to a transfer that is under way."""

    def __init__(self, source: MediaSource, breaker: Breaker) -> None:
        self._source = source
        self._breaker = breaker

    def told_size(self) -> int | None:
        """See MediaSource."""
        return self._source.told_size()

    async def chunks(self) -> AsyncIterator[bytes]:
        """See MediaSource.

        Raises:
            TransientError, InfrastructureError: the circuit is open.
        """
        async with aclosing(cast(AsyncGenerator[bytes], self._source.chunks())) as chunks:
            with self._breaker.watched():
                first = await anext(chunks, None)
            if first is None:
                return
            yield first
            async for chunk in chunks:
                yield chunk
