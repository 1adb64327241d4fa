"""Of several operators one leads: whoever holds a Lease of Kubernetes. It asks its own clock before each write."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from lightkube import ApiError, AsyncClient
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from teltubby_core.adapters.kubernetes.errors import ConflictError, kubernetes_errors
from teltubby_core.adapters.kubernetes.holding import Sightings, boot_clock
from teltubby_core.errors import TransientError

log = logging.getLogger(__name__)


class Leadership:
    """Held from ``take`` until its end is near; times in seconds."""

    def __init__(
        self,
        client: AsyncClient,
        namespace: str,
        name: str,
        identity: str,
        labels: Mapping[str, str] | None = None,
        *,
        lasts: float = 10.0,
        margin: float = 3.0,
        every: float = 2.0,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """A renewal is good for ``lasts``, less ``margin`` for whoever holds it; it is renewed ``every`` so often.

        ``labels`` are put on the Lease.
        """
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._labels = dict(labels or {})
        self._lasts = lasts
        self._margin = margin
        self._every = every
        self._clock = clock
        self._sightings = Sightings(clock)
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Whether it is ours for certain, now."""
        return self._clock() < self._until

    async def take(self) -> None:
        """Wait until it is ours. Raises InfrastructureError when we may not use the Lease."""
        told = False
        while not await self._try():
            if not told:
                log.info("another operator leads; standing by")
                told = True
            await asyncio.sleep(self._every)
        log.info("leading as %s", self._identity)

    async def keep(self) -> None:
        """Renew it until it is lost; returns then."""
        while True:
            await asyncio.sleep(self._every)
            if not self.held or not await self._try():
                if self.held:
                    continue  # not renewed in time yet: tried again until our own end
                log.error("the Lease %s is not ours any more", self._name)
                return

    async def release(self) -> None:
        """Let the next one have it at once."""
        if not self.held:
            return
        self._until = 0.0
        try:
            with kubernetes_errors(f"Lease {self._name}"):
                lease = await self._client.get(Lease, self._name, namespace=self._namespace)
                spec = lease.spec or LeaseSpec()
                if spec.holderIdentity == self._identity:
                    spec.holderIdentity = ""
                    await self._client.replace(lease)
        except TransientError as error:
            log.warning("the Lease runs out by itself: %s", error)

    async def _try(self) -> bool:
        asked = self._clock()
        try:
            with kubernetes_errors(f"Lease {self._name}"):
                done = await self._sign(await self._read())
        except ConflictError:
            return False
        except TransientError as error:
            log.warning("can't ask who leads: %s", error)
            return False
        if done:
            self._until = asked + self._lasts - self._margin
        return done

    async def _read(self) -> Lease:
        try:
            return await self._client.get(Lease, self._name, namespace=self._namespace)
        except ApiError as error:
            if error.status.code != HTTPStatus.NOT_FOUND:
                raise
        metadata = ObjectMeta(name=self._name, namespace=self._namespace, labels=self._labels)
        return await self._client.create(Lease(metadata=metadata))

    async def _sign(self, lease: Lease) -> bool:
        before = lease.spec or LeaseSpec()
        ours = before.holderIdentity == self._identity
        if before.holderIdentity and not ours:
            state = (before.holderIdentity, before.renewTime)
            if self._sightings.unchanged_for(self._name, state) < self._lasts:
                return False
        assert lease.metadata is not None
        lease.metadata.labels = (lease.metadata.labels or {}) | self._labels
        now = datetime.now(UTC)
        lease.spec = LeaseSpec(
            holderIdentity=self._identity,
            leaseDurationSeconds=round(self._lasts),
            acquireTime=before.acquireTime if ours else now,
            renewTime=now,
            leaseTransitions=(before.leaseTransitions or 0) + (not ours),
        )
        await self._client.replace(lease)
        return True
