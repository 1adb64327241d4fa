"""Downloads of files, as fast as the conditions allow and broken off where a fault says so."""

import asyncio
import re
from collections import defaultdict

from aiohttp import web

from teltubby_simulator.botapi.answers import break_off, date_header, refusal, refusal_by
from teltubby_simulator.botapi.errors import ApiError
from teltubby_simulator.botapi.file_ids import FileIds
from teltubby_simulator.content import Content
from teltubby_simulator.faults import Asked
from teltubby_simulator.model import User
from teltubby_simulator.world import World

BLOCK = 256 * 1024  # bytes of a download that are in memory at a time
_PER_SECOND = 20  # blocks in which a slow download comes
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class _Pace:
    """Spreads what passes over time. Whoever shares it shares its rate."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def take(self, size: int, rate: float | None) -> None:
        """Wait until ``size`` more bytes may pass at ``rate`` bytes a second."""
        if rate is None:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + size / rate
        await asyncio.sleep(self._free_at - now)


class Downloads:
    """The file server of one world."""

    def __init__(self, world: World, file_ids: FileIds) -> None:
        self._world = world
        self._file_ids = file_ids
        self._accounts: defaultdict[int, _Pace] = defaultdict(_Pace)

    async def serve(self, request: web.Request, bot: User) -> web.StreamResponse:
        """Answer with a file or a range of it. A local server opens no path, so it serves nothing."""
        path = request.match_info["path"]
        file = self._file_ids.file_at(bot.id, path)
        if file is None:
            self._world.journal.record("bot_api", "download", bot.id, {"path": path}, "404 Not Found")
            return refusal(self._world, ApiError(404, "Not Found"))
        size = file.content.size
        first, end = _wanted(request.headers.get("Range"), size)
        asked = Asked("bot_api", "download", bot.id, file_id=file.id, first_byte=first, end_byte=end)
        step = self._world.faults.take(asked)
        await asyncio.sleep(self._world.faults.bot_api.latency + step.delay)
        ordered = refusal_by(step)
        if ordered is None and first > end:
            ordered = ApiError(416, "Requested Range Not Satisfiable")
        if ordered is not None:
            self._record(bot, path, f"{ordered.code} {ordered.description}", first, end)
            return refusal(self._world, ordered)
        response = web.StreamResponse(
            status=206 if end - first < size else 200,
            headers={"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"} | date_header(self._world),
        )
        response.content_length = end - first
        if response.status == 206:
            response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        stop = end if step.cut_after is None else min(end, first + step.cut_after)
        try:
            if step.cut_after != 0:
                await response.prepare(request)
            await self._send(response, bot, file.content, range(first, stop))
        except ConnectionError:
            self._record(bot, path, "the client left", first, end)
            return response
        self._record(bot, path, "ok" if step.cut_after is None else f"cut after {stop - first} bytes", first, end)
        if step.cut_after is None:
            await response.write_eof()
        else:
            break_off(request)
        return response

    async def _send(self, response: web.StreamResponse, bot: User, content: Content, part: range) -> None:
        """Send a part of a file. Raises ConnectionError when the client is gone."""
        connection, position = _Pace(), part.start
        while position < part.stop:
            conditions = self._world.faults.bot_api
            rates = [rate for rate in (conditions.connection_bandwidth, conditions.account_bandwidth) if rate]
            length = min([BLOCK, part.stop - position, *(max(1, int(rate / _PER_SECOND)) for rate in rates)])
            await connection.take(length, conditions.connection_bandwidth)
            await self._accounts[bot.id].take(length, conditions.account_bandwidth)
            await response.write(content.read(position, length))
            position += length

    def _record(self, bot: User, path: str, outcome: str, first: int, end: int) -> None:
        via = {"first_byte": first, "end_byte": end}
        self._world.journal.record("bot_api", "download", bot.id, {"path": path}, outcome, via)


def _wanted(header: str | None, size: int) -> tuple[int, int]:
    """Return the first byte asked for and the one behind the last; the first lies behind the end if there is none."""
    found = _RANGE.fullmatch(header or "")
    if found is None or not any(found.groups()):
        return 0, size
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if int(first) >= size:
        return size + 1, size
    return int(first), min(int(last) + 1, size) if last else size
