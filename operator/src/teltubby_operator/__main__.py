"""``python -m teltubby_operator``: keeps as many workers as TeltubbyArchives need, until SIGTERM."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Mapping
from typing import Any

from teltubby_core.clock import SystemClock
from teltubby_core.errors import InfrastructureError, TransientError
from teltubby_core.observability import Metrics
from teltubby_core.observability.readiness import Check
from teltubby_core.observability.service import Observed
from teltubby_core.running import exit_status, run_service
from teltubby_operator.book import Book
from teltubby_operator.bootstrap import Ports, open_ports
from teltubby_operator.settings import OperatorSettings
from teltubby_operator.watching import Pulse, watch

log = logging.getLogger(__name__)

_LONGEST_SILENCE = 30.0  # seconds that a poll or the watch's pulse may be late
_DEAD_SILENCE = 90.0  # seconds without a pulse, after which a new process does better
_STOP_SECONDS = 10.0
_PAUSES = (0.5, 1.0, 2.0, 4.0)


def main() -> int:
    """Serve; return the exit status: 0 stopped, 1 failed, 2 a setting is wrong."""
    return exit_status("teltubby-operator", lambda: run_service("operator", OperatorSettings, _serve))


async def _serve(settings: OperatorSettings, stop: asyncio.Event) -> None:
    observed, book, pulse = Observed("operator", Metrics("operator")), Book(), Pulse()
    async with open_ports(settings, book, observed.metrics.registry) as ports:

        async def going_round() -> None:
            if (late := ports.operator.silent_for) > _LONGEST_SILENCE:
                raise TransientError(f"a broker was not asked for {late:.0f} s longer than it should be")

        async def watching() -> None:
            if (silent := pulse.silent_for) > _LONGEST_SILENCE:
                raise TransientError(f"no watch brought anything for {silent:.0f} s, though the leader's Lease changes")

        async def describe() -> Mapping[str, Any]:
            return {"leads": ports.leadership.held, "archives": len(book.archives)}

        checks = [Check("kubernetes", ports.check), Check("polls", going_round), Check("watch", watching)]
        async with observed.pages(settings, SystemClock(), checks=checks, circuits=[], describe=describe):
            if await _unless(stop, ports.leadership.take()):
                await _lead(settings, ports, book, pulse, stop)


async def _lead(settings: OperatorSettings, ports: Ports, book: Book, pulse: Pulse, stop: asyncio.Event) -> None:
    """Work until we are to stop. What is lost on the way ends the process: the next one begins anew.

    Raises:
        InfrastructureError: another one leads, or a watch or loop ended.
    """
    namespaces = settings.operator_namespaces
    await _fill(ports, book, namespaces)
    watching = watch(book, pulse, settings.operator_name, namespaces)
    parts: dict[asyncio.Task[Any], str] = {
        asyncio.create_task(ports.leadership.keep(), name="keep the lead"): "another operator leads now",
        asyncio.create_task(watching, name="watch"): "watching Kubernetes ended; are the CRD and our rights there?",
        asyncio.create_task(ports.operator.run(), name="operate"): "the operator's work ended",
        asyncio.create_task(_feel(pulse, namespaces, ports.namespace), name="pulse"): "the watch fell silent",
    }
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        done, _ = await asyncio.wait([stopping, *parts], return_when=asyncio.FIRST_COMPLETED)
        for part, meaning in parts.items():
            if part in done and stopping not in done:
                error = part.exception()
                raise InfrastructureError(f"{meaning}{f': {error}' if error else ''}") from error
    finally:
        for part in (stopping, *parts):
            part.cancel()
        await asyncio.wait([stopping, *parts], timeout=_STOP_SECONDS)
        await ports.leadership.release()


async def _fill(ports: Ports, book: Book, namespaces: tuple[str, ...]) -> None:
    """Note what is there. For a moment after a CRD was made, the API server refuses to list what it defines."""
    for pause in _PAUSES:
        try:
            await ports.cluster.fill(book, namespaces)
        except TransientError as error:
            log.warning("can't see what is there: %s; trying again in %g s", error, pause)
            await asyncio.sleep(pause)
        else:
            return
    await ports.cluster.fill(book, namespaces)


async def _feel(pulse: Pulse, namespaces: tuple[str, ...], own: str) -> None:
    """Return once the watch is dead; never where it does not see the leader's Lease."""
    if namespaces and own not in namespaces:
        await asyncio.Event().wait()
    pulse.begin()
    while True:
        left = _DEAD_SILENCE - pulse.silent_for
        if left <= 0:
            return
        await asyncio.sleep(left)


async def _unless(stop: asyncio.Event, waiting: Awaitable[None]) -> bool:
    """Wait for something or for the end, whichever is first; return whether it was the former."""
    tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(stop.wait())]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    if tasks[0] in done:
        tasks[0].result()
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
