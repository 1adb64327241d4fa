"""``python -m teltubby_worker``: fetches large files for a bot that runs elsewhere, until SIGTERM."""

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from teltubby_core.breaker import Breaker
from teltubby_core.observability import Metrics
from teltubby_core.observability.service import Observed
from teltubby_core.ownership import BucketOwnership
from teltubby_core.running import entered, exit_status, run_service
from teltubby_worker.bootstrap import WorkerPorts, build_worker, open_ports
from teltubby_worker.guarded import MTPROTO
from teltubby_worker.settings import WorkerServiceSettings

log = logging.getLogger(__name__)


def main() -> int:
    """Serve; return the exit status: 0 stopped, 1 failed, 2 a setting is wrong."""
    return exit_status("teltubby-worker", lambda: run_service("worker", WorkerServiceSettings, _serve))


async def _serve(settings: WorkerServiceSettings, stop: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        ports = await entered(stack, lambda: open_ports(settings), stop, settings.sqlite_wait_seconds)
        if ports is not None:
            await _work(settings, ports, stop)


async def _work(settings: WorkerServiceSettings, ports: WorkerPorts, stop: asyncio.Event) -> None:
    network, circuit = ports.network, Breaker(MTPROTO)
    observed = Observed("worker", Metrics("worker"))
    ownership = BucketOwnership(network.store, settings.bot_id, "S3_BUCKET")
    worker = build_worker(
        settings,
        network.queue,
        network.events(),
        network.control(),
        network.store,
        ports.sessions,
        ports.clock,
        ensure_bucket=ownership.ensure,
        metrics=observed.metrics,
        circuit=circuit,
    )

    async def describe() -> Mapping[str, Any]:
        return {"name": settings.worker_name, "jobs": worker.jobs}

    pages = observed.pages(
        settings,
        ports.clock,
        checks=network.checks(),
        circuits=[circuit, *network.circuits],
        describe=describe,
        busy=lambda: bool(worker.jobs),
    )
    async with pages:
        log.info("worker %s takes jobs from %s", settings.worker_name, network.broker.site)
        await worker.run(stop)


if __name__ == "__main__":
    sys.exit(main())
