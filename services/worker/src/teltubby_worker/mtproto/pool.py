"""The connections over which one data centre serves files, shared by all files that come from there.

Who fetches waits in one queue for a slot; ``pace.Pace`` says how many slots and connections there are. A connection
that closes is replaced, and what was in flight on it is asked again at once at the same byte. Only when no
connection can be had, or a new one brings nothing, do those who wait hear of it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from teltubby_core.errors import TransientError
from teltubby_worker.mtproto.errors import ConnectionLostError
from teltubby_worker.mtproto.link import Connection
from teltubby_worker.mtproto.pace import Level, Pace

log = logging.getLogger(__name__)

_REPEATS = 3
"""How often one request is asked again at once when its connection closes. One that takes every connection with it
then goes the slow way of what fails."""

_STAGGER = 0.25
"""Seconds before a further connection is opened beside one that serves: many at once look like an attack."""


@dataclass(eq=False)
class _Lane:
    """A connection, and what goes over it. ``delivered`` in bytes."""

    link: Connection
    in_flight: int = 0
    delivered: int = 0


class Pool:
    """Fetches parts of files from data centre ``dc_id``. ``connect`` opens a connection that may serve files."""

    def __init__(self, dc_id: int, connect: Callable[[], Awaitable[Connection]], pace: Pace) -> None:
        self._dc_id = dc_id
        self._connect = connect
        self._pace = pace
        self._lanes: list[_Lane] = []
        self._waiting: deque[asyncio.Future[_Lane]] = deque()
        self._in_flight = 0
        self._opening: asyncio.Task[Connection] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self._used_at = _now()

    @property
    def idle_since(self) -> float | None:
        """When the last request ended, by the loop's clock; None while there are any."""
        return None if self._in_flight or self._waiting else self._used_at

    async def fetch(self, make: Callable[[], Any]) -> Any:
        """Send the request that ``make`` returns once there is a slot for it; return the answer, an upload.File.

        ``make`` is called again when the request has to be sent again. What it raises is raised.

        Raises:
            ConnectionLostError: no connection can be had, or new ones bring nothing.
            TransientError, PermanentError, InfrastructureError: Telegram's errors in our words.
        """
        for repeats in range(_REPEATS + 1):
            lane = await self._enter()
            try:
                return await self._ask(lane, make())
            except ConnectionLostError:
                if not lane.delivered or repeats == _REPEATS or self._closed:
                    raise
            finally:
                self._leave(lane)
        raise AssertionError("the last repeat returns or raises")

    def links(self) -> list[Connection]:
        """Return the connections that are open."""
        return [lane.link for lane in self._lanes if lane.link.is_open]

    def retire(self) -> None:
        """Take no more requests."""
        self._closed = True

    async def close(self) -> None:
        """Close all connections; whoever waits or has a request in flight gets ConnectionLostError."""
        self.retire()
        if self._opening:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        self._fail(ConnectionLostError("the connections to Telegram are being closed"))
        lanes, self._lanes = self._lanes, []
        await asyncio.gather(*(lane.link.close() for lane in lanes), *self._closing)

    # One request

    async def _ask(self, lane: _Lane, request: Any) -> Any:
        try:
            answer = await lane.link.call(request)
        except ConnectionLostError:
            self._lost(lane)
            raise
        except TransientError as error:
            if error.retry_after is not None:
                before = self._pace.level
                self._pace.flooded(error.retry_after, _now())
                self._tell(before, f"after a flood of {error.retry_after:g} s")
            raise
        size = len(getattr(answer, "bytes", b""))  # a redirection to a CDN has none
        lane.delivered += size
        before = self._pace.level
        self._pace.delivered(size, self._in_flight, len(self.links()), _now())
        higher = self._pace.level.requests + self._pace.level.connections > before.requests + before.connections
        self._tell(before, "to see whether that brings more" if higher else "as that brought no more")
        return answer

    def _lost(self, lane: _Lane) -> None:
        if lane in self._lanes:  # the first of its requests to notice
            self._lanes.remove(lane)
            self._close_soon(lane)  # it may have said something unreadable and still be open
            log.info("data centre %d: a connection closed after %d bytes of files", self._dc_id, lane.delivered)
            self._fall(lane.delivered, "after a connection closed")

    def _fall(self, delivered: int, why: str) -> None:
        before = self._pace.level
        self._pace.lost(delivered, _now())
        self._tell(before, why)

    def _tell(self, before: Level, why: str) -> None:
        if (after := self._pace.level) != before:
            log.info("data centre %d: %s → %s, %s", self._dc_id, before, after, why)

    # Slots

    async def _enter(self) -> _Lane:
        if self._closed:
            raise ConnectionLostError("the connections to Telegram are closed")
        slot: asyncio.Future[_Lane] = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        self._admit()
        try:
            return await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled() and not slot.exception():
                self._leave(slot.result())  # it was given while the cancellation was on its way
            raise

    def _leave(self, lane: _Lane) -> None:
        lane.in_flight -= 1
        self._in_flight -= 1
        self._used_at = _now()
        self._admit()

    def _admit(self) -> None:
        self._tidy()
        while self._waiting and self._in_flight < self._pace.level.requests and (lane := self._freest()):
            slot = self._waiting.popleft()
            if slot.done():  # who waited was cancelled
                continue
            lane.in_flight += 1
            self._in_flight += 1
            slot.set_result(lane)
        self._open_more()

    def _freest(self) -> _Lane | None:
        lanes = [lane for lane in self._lanes[: self._pace.level.connections] if lane.link.is_open]
        return min(lanes, key=lambda lane: lane.in_flight, default=None)

    # Connections

    def _tidy(self) -> None:
        """Let go of what closed while nothing was in flight, and close what is too much."""
        self._lanes = [lane for lane in self._lanes if lane.link.is_open or lane.in_flight]
        for lane in self._lanes[self._pace.level.connections :]:
            if not lane.in_flight:
                self._lanes.remove(lane)
                self._close_soon(lane)

    def _close_soon(self, lane: _Lane) -> None:
        closing = asyncio.create_task(lane.link.close(), name="close a connection to Telegram")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _open_more(self) -> None:
        enough = len(self._lanes) >= self._pace.level.connections
        busy = self._waiting or any(lane.in_flight for lane in self._lanes)
        if self._opening or self._closed or enough or not busy:
            return
        self._opening = asyncio.create_task(self._open(), name=f"connect to data centre {self._dc_id} for files")
        self._opening.add_done_callback(self._opened)

    async def _open(self) -> Connection:
        if self._lanes:
            await asyncio.sleep(_STAGGER)
        link = await self._connect()
        if not link.is_open:  # or a server that closes each new connection would be connected to for ever
            raise ConnectionLostError("Telegram closes new connections at once")
        return link

    def _opened(self, opening: asyncio.Task[Connection]) -> None:
        self._opening = None
        if opening.cancelled():
            return
        error = opening.exception()
        if error is None:
            self._lanes.append(_Lane(opening.result()))
        elif self.links():
            self._fall(0, f"as no further connection can be had: {error}")
        else:
            self._fail(error)
        self._admit()

    def _fail(self, error: BaseException) -> None:
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.done():
                slot.set_exception(error)


def _now() -> float:
    return asyncio.get_running_loop().time()
