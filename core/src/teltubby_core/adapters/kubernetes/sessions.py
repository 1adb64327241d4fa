"""Logins in Secrets, each used by whoever holds the Lease of the same name."""

import asyncio
import base64
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Secret

from teltubby_core.adapters.kubernetes.api import SessionObjects
from teltubby_core.adapters.kubernetes.errors import ConflictError
from teltubby_core.adapters.kubernetes.holding import Holder, Sightings, Terms, boot_clock, may_take
from teltubby_core.adapters.session_cipher import SessionCipher
from teltubby_core.errors import InfrastructureError, PermanentError, TeltubbyError, TransientError

log = logging.getLogger(__name__)

_CONTENT = "session"
_LOOK_EVERY = 1.0  # seconds between two looks at Leases that others hold
_RETRY_EVERY = 1.0  # seconds between two tries to renew one


class KubernetesSessionStore:
    """Slots by fixed names. Their Secrets and Leases are there already: whoever uses them may not make any."""

    def __init__(
        self,
        objects: SessionObjects,
        cipher: SessionCipher,
        names: Sequence[str],
        holder: Holder,
        terms: Terms | None = None,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Act as ``holder``, whose pod must be this one. ``clock`` counts seconds, and never goes back."""
        self._objects = objects
        self._cipher = cipher
        self._names = tuple(names)
        self._holder = holder
        self._terms = terms or Terms()
        self._clock = clock
        self._sightings = Sightings(clock)
        self._held: set[str] = set()

    async def acquire(self, timeout: float) -> "KubernetesSessionLease":
        """Wait up to ``timeout`` seconds for a free session.

        Raises:
            TransientError: none became free, or the API server did not answer.
            InfrastructureError: a Secret or Lease is missing, or we may not use it.
        """
        deadline = self._clock() + timeout
        while True:
            for name in self._names:
                if name not in self._held and (lease := await self._try(name)):
                    return lease
            left = deadline - self._clock()
            if left <= 0:
                raise TransientError(f"no session became free within {timeout:g} s")
            await asyncio.sleep(min(left, _LOOK_EVERY))

    async def _try(self, name: str) -> "KubernetesSessionLease | None":
        found = await self._objects.lease(name)
        if not await self._is_free(name, found.spec or LeaseSpec()):
            return None
        asked = self._clock()
        try:
            taken = await self._objects.replace_lease(_signed(found, str(self._holder), self._terms, new=True))
        except ConflictError:
            return None  # another one was faster
        self._held.add(name)
        lease = KubernetesSessionLease(self._objects, self._cipher, name, taken, self._holder, self._terms, self._clock)
        lease.begin(asked, self._put_back)
        return lease

    async def _is_free(self, name: str, spec: LeaseSpec) -> bool:
        if not spec.holderIdentity:
            return True
        unchanged = self._sightings.unchanged_for(name, (spec.holderIdentity, spec.renewTime, spec.leaseTransitions))
        other = Holder.read(spec.holderIdentity)
        if self._holder.replaces(other):
            return True
        if may_take(unchanged, gone=False, terms=self._terms):
            return True
        return may_take(unchanged, gone=True, terms=self._terms) and await self._objects.is_gone(other)

    def _put_back(self, name: str) -> None:
        self._held.discard(name)


class KubernetesSessionLease:
    """A session that nobody else holds, as long as ``held`` says so."""

    def __init__(
        self,
        objects: SessionObjects,
        cipher: SessionCipher,
        name: str,
        lease: Lease,
        holder: Holder,
        terms: Terms,
        clock: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._cipher = cipher
        self._name = name
        self._lease = lease
        self._holder = holder
        self._terms = terms
        self._clock = clock
        self._until = 0.0
        self._secret: Secret | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._let_go: Callable[[str], None] = lambda _: None

    def begin(self, asked: float, let_go: Callable[[str], None]) -> None:
        """Go on renewing what was asked for at ``asked``; tell ``let_go`` when it is in our hands no more."""
        self._until = self._end_of(asked)
        self._let_go = let_go
        self._renewing = asyncio.create_task(self._keep_renewing(), name=f"renew session {self._name}")

    @property
    def name(self) -> str:
        """The slot's name."""
        return self._name

    @property
    def held(self) -> bool:
        """Whether it is ours for certain, now: asked right before each packet, so it costs nothing."""
        return self._clock() < self._until

    async def load(self) -> str | None:
        """Return its content; None while nobody has logged in, or when no configured key opens what is there.

        Raises:
            PermanentError: it is not ours any more.
            TransientError, InfrastructureError: its Secret can't be read.
        """
        self._check()
        secret = await self._objects.secret(self._name)
        self._secret = secret
        encoded = (secret.data or {}).get(_CONTENT)
        if not encoded:
            return None
        opened = self._cipher.open(base64.b64decode(encoded), self._name)
        if opened is not None and opened.outdated:
            await self.save(opened.content)
        return opened.content if opened else None

    async def save(self, content: str) -> None:
        """Keep its content, encrypted with the newest key.

        Raises:
            PermanentError: it is not ours any more, or somebody else wrote it.
            TransientError, InfrastructureError: its Secret can't be written.
        """
        self._check()
        secret = self._secret or await self._objects.secret(self._name)
        encoded = base64.b64encode(self._cipher.seal(content)).decode()
        secret.data = {**(secret.data or {}), _CONTENT: encoded}
        self._check()
        try:
            self._secret = await self._objects.replace_secret(secret)
        except ConflictError:
            self._secret = None  # its labels may have been changed: the next one reads it anew
            raise

    async def release(self) -> None:
        """Let the next one have it; a second time does nothing."""
        if self._renewing is None:
            return
        renewing, self._renewing = self._renewing, None
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        was_held, self._until = self.held, 0.0
        self._let_go(self._name)
        if not was_held:
            return
        try:
            self._lease = await self._objects.replace_lease(_signed(self._lease, None, self._terms))
        except TeltubbyError as error:
            log.warning("session %s is free only when its lease runs out: %s", self._name, error)

    def _check(self) -> None:
        if not self.held:
            raise PermanentError(f"session {self._name} is not ours any more and may be in other hands")

    def _end_of(self, asked: float) -> float:
        return asked + self._terms.lease - self._terms.margin

    async def _keep_renewing(self) -> None:
        pause = self._terms.renew
        while True:
            await asyncio.sleep(pause)
            if not self.held:
                log.error("session %s: its lease ran out before it could be renewed", self._name)
                break
            pause = self._terms.renew
            try:
                await self._renew()
            except (TransientError, InfrastructureError) as error:
                log.warning("session %s: its lease can't be renewed: %s", self._name, error)
                pause = min(_RETRY_EVERY, pause)
            except PermanentError as error:
                log.error("%s", error)
                break
        self._until = 0.0
        self._let_go(self._name)

    async def _renew(self) -> None:
        asked = self._clock()
        try:
            self._lease = await self._objects.replace_lease(_signed(self._lease, str(self._holder), self._terms))
        except ConflictError:
            self._lease = await self._objects.lease(self._name)
            owner = (self._lease.spec or LeaseSpec()).holderIdentity
            if owner != str(self._holder):
                raise PermanentError(f"session {self._name} was taken over by {owner or 'nobody'}") from None
            raise
        self._until = self._end_of(asked)


def _signed(lease: Lease, holder: str | None, terms: Terms, *, new: bool = False) -> Lease:
    """Return the Lease with a fresh signature, for the object that was read and no later one."""
    before = lease.spec or LeaseSpec()
    now = datetime.now(UTC)
    spec = LeaseSpec(
        holderIdentity=holder or "",
        leaseDurationSeconds=max(1, round(terms.lease)),
        acquireTime=now if new else before.acquireTime,
        renewTime=now,
        leaseTransitions=(before.leaseTransitions or 0) + new,
    )
    return Lease(metadata=lease.metadata, spec=spec)
