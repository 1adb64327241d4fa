"""A distributed stage whose workers share logins by Leases, with the rights that the chart gives them and no more."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.fernet import Fernet

from distributed.forkserver import Forkserver
from distributed.stage import DistributedStage, new_stage
from teltubby_simulator.journal import JournalEntry
from testbed.control_plane import ControlPlane
from testbed.minio import S3Address
from testbed.rabbitmq import AmqpAddress
from testbed.session_objects import SessionSlots

LOGIN = "auth.importBotAuthorization"


@dataclass
class SessionStage(DistributedStage):
    """Bot and workers beside a Kubernetes API."""

    slots: SessionSlots = field(kw_only=True)
    pods: dict[str, str] = field(default_factory=dict, kw_only=True)
    """The pod that each worker is now."""

    typed: list[str] = field(default_factory=list, kw_only=True)
    """Codes, passwords and phone numbers that somebody typed in a chat."""

    async def enrol(self, *workers: str) -> None:
        """Give workers pods; those that have one get another, as a Deployment replaces them."""
        for worker in workers:
            if worker in self.pods:
                await asyncio.to_thread(self.slots.remove_pod, self.pods[worker])
            pod = f"{worker}-{uuid4().hex[:5]}"
            uid = await asyncio.to_thread(self.slots.add_pod, pod, "worker")
            self.pods[worker] = pod
            self.own[worker] = self.own.get(worker, {}) | {"POD_NAME": pod, "POD_UID": uid}

    async def start(self) -> None:
        await self.enrol(*(f"worker-{number}" for number in range(self.worker_count)))
        await super().start()

    async def replace(self, worker: str) -> None:
        """Stop a worker, and have another one in its place."""
        status = await self.service(worker).stop(60)
        assert status == 0, self.service(worker).log()
        await self.enrol(worker)
        await self.bring_up(self.service(worker))

    def calls(self, method: str | None = None) -> list[JournalEntry]:
        """Return what was asked over MTProto."""
        return self.world.journal.entries(method, door="mtproto")

    def holders(self) -> dict[str, str]:
        """Return the pod that each session's Lease names, of those that name one."""
        leases = {name: self.slots.lease(name)["spec"].get("holderIdentity") or "" for name in self.slots.names}
        return {name: identity.partition("/")[0] for name, identity in leases.items() if identity}

    def assert_no_session_was_used_twice(self) -> None:
        assert [call for call in self.calls() if "AUTH_KEY_DUPLICATED" in call.outcome] == []


@asynccontextmanager
async def new_session_stage(
    folder: Path,
    s3: S3Address,
    broker: AmqpAddress,
    plane: ControlPlane,
    workers: int,
    forkserver: Forkserver | None = None,
    chart: Mapping[str, Any] | None = None,
) -> AsyncIterator[SessionStage]:
    """As ``new_stage``, with as many sessions as workers."""
    slots = SessionSlots(plane, workers, chart or {})
    await asyncio.to_thread(slots.make)
    async with new_stage(folder, s3, broker, workers, forkserver) as plain:
        kubeconfig = await asyncio.to_thread(slots.kubeconfig, "worker", folder)
        plain.settings |= {
            "SESSION_STORE": "kubernetes",
            "SESSION_NAMES": ",".join(slots.names),
            "SESSION_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "KUBECONFIG": str(kubeconfig),
            "POD_NAME": "nobody",
            "POD_UID": "nobody",
        }
        stage = SessionStage(
            plain.simulator,
            plain.cast,
            folder,
            plain.settings,
            bucket=plain.bucket,
            broker=plain.broker,
            worker_count=workers,
            forkserver=forkserver,
            slots=slots,
        )
        try:
            yield stage
        finally:
            await stage.kill()
