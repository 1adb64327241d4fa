"""Logins in Secrets, each used by whoever holds the Lease of the same name."""

import asyncio
import base64
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Secret

from teltubby_core.adapters.kubernetes import notes
from teltubby_core.adapters.kubernetes.api import SessionObjects
from teltubby_core.adapters.kubernetes.errors import ConflictError, MissingError
from teltubby_core.adapters.kubernetes.holding import Holder, Sightings, Terms, boot_clock, may_take
from teltubby_core.adapters.session_cipher import SessionCipher
from teltubby_core.domain.sessions import SessionNotes, SessionSight
from teltubby_core.errors import InfrastructureError, PermanentError, SessionGoneError, TeltubbyError, TransientError
from teltubby_core.ports import Fit

log = logging.getLogger(__name__)

_CONTENT = "session"
_LOOK_EVERY = 1.0  # seconds between two looks at Leases that others hold
_RETRY_EVERY = 1.0  # seconds between two tries to renew one


class KubernetesSessionStore:
    """Slots by fixed names. Others make their Secrets and Leases; what is not there yet, or no more, is left out."""

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

    async def acquire(self, timeout: float, fit: Fit = lambda _: True) -> "KubernetesSessionLease":
        """Wait up to ``timeout`` seconds for a free session that fits.

        Raises:
            TransientError: none became free, or the API server did not answer.
            InfrastructureError: no Lease is there, or we may not use one.
        """
        deadline = self._clock() + timeout
        while True:
            for found in await self._free(fit):
                if lease := await self._take(found):
                    return lease
            left = deadline - self._clock()
            if left <= 0:
                raise TransientError(f"no session became free within {timeout:g} s")
            await asyncio.sleep(min(left, _LOOK_EVERY))

    async def survey(self) -> list[SessionSight]:
        """Return how all are, by their Leases. Raises what ``kubernetes_errors`` does."""
        return [_sight(name, lease) for name, lease in await self._known()]

    async def _known(self) -> list[tuple[str, Lease]]:
        found: list[tuple[str, Lease]] = []
        missing: MissingError | None = None
        for name in self._names:
            try:
                found.append((name, await self._objects.lease(name)))
            except MissingError as error:
                missing = error
        if missing and not found:
            raise missing
        return found

    async def _free(self, fit: Fit) -> list[Lease]:
        """Return the Leases that may be taken, those of sessions with a login first."""
        free: list[tuple[bool, Lease]] = []
        for name, found in await self._known():
            sight = _sight(name, found)
            if name not in self._held and await self._is_free(name, found.spec or LeaseSpec()) and fit(sight):
                free.append((not sight.notes.filled, found))
        return [found for _, found in sorted(free, key=lambda each: each[0])]

    async def _take(self, found: Lease) -> "KubernetesSessionLease | None":
        assert found.metadata is not None
        name = str(found.metadata.name)
        asked = self._clock()
        signed = _signed(found, str(self._holder), self._terms, _notes(found), new=True)
        try:
            taken = await self._objects.replace_lease(signed)
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
        self._notes = _notes(lease)
        self._news = asyncio.Event()
        self._secret: Secret | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._let_go: Callable[[str], None] = lambda _: None

    def begin(self, asked: float, let_go: Callable[[str], None]) -> None:
        """Go on renewing what was asked for at ``asked``; tell ``let_go`` when it is in our hands no more."""
        self._until = self._end_of(asked)
        self._let_go = let_go
        # Of no message: a context of its own, or its log would carry the correlation id of whichever came first.
        name = f"renew session {self._name}"
        self._renewing = asyncio.create_task(self._keep_renewing(), name=name, context=Context())

    @property
    def name(self) -> str:
        """The slot's name."""
        return self._name

    @property
    def held(self) -> bool:
        """Whether it is ours for certain, now: asked right before each packet, so it costs nothing."""
        return self._clock() < self._until

    @property
    def sight(self) -> SessionSight:
        """What is known of it."""
        return replace(_sight(self._name, self._lease), notes=self._notes)

    async def load(self) -> str | None:
        """Return its content; None while nobody has logged in, or when no configured key opens what is there.

        Raises:
            PermanentError: it is not ours any more.
            SessionGoneError: its Secret is not there.
            TransientError, InfrastructureError: its Secret can't be read.
        """
        self._check()
        try:
            secret = await self._objects.secret(self._name)
        except MissingError as error:
            raise SessionGoneError(str(error)) from error
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
        await self._write({_CONTENT: base64.b64encode(self._cipher.seal(content)).decode()})

    async def clear(self) -> None:
        """Forget its content. Raises what ``save`` does."""
        await self._write({})

    async def _write(self, content: dict[str, str]) -> None:
        self._check()
        secret = self._secret or await self._objects.secret(self._name)
        others = {key: value for key, value in (secret.data or {}).items() if key != _CONTENT}
        secret.data = others | content
        self._check()
        try:
            self._secret = await self._objects.replace_secret(secret)
        except (ConflictError, MissingError):
            self._secret = None  # its labels may have been changed: the next one reads it anew
            raise

    async def note(self, told: SessionNotes) -> None:
        """Let others know how it is: at once what changes, with the next renewal when it was used last."""
        before, self._notes = self._notes, told
        if before.model_copy(update={"used_at": None}) != told.model_copy(update={"used_at": None}):
            self._news.set()

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
            self._lease = await self._objects.replace_lease(_signed(self._lease, None, self._terms, self._notes))
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
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()
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
        self._news.clear()
        asked = self._clock()
        try:
            signed = _signed(self._lease, str(self._holder), self._terms, self._notes)
            self._lease = await self._objects.replace_lease(signed)
        except ConflictError:
            self._lease = await self._objects.lease(self._name)
            owner = (self._lease.spec or LeaseSpec()).holderIdentity
            if owner != str(self._holder):
                raise PermanentError(f"session {self._name} was taken over by {owner or 'nobody'}") from None
            raise
        self._until = self._end_of(asked)


def _sight(name: str, lease: Lease) -> SessionSight:
    annotations = (lease.metadata and lease.metadata.annotations) or {}
    return notes.sight_of(name, annotations, (lease.spec or LeaseSpec()).holderIdentity)


def _notes(lease: Lease) -> SessionNotes:
    return notes.read((lease.metadata and lease.metadata.annotations) or {})


def _signed(lease: Lease, holder: str | None, terms: Terms, told: SessionNotes, *, new: bool = False) -> Lease:
    """Return the Lease with a fresh signature and these notes, for the object that was read and no later one."""
    assert lease.metadata is not None
    before = lease.spec or LeaseSpec()
    now = datetime.now(UTC)
    spec = LeaseSpec(
        holderIdentity=holder or "",
        leaseDurationSeconds=max(1, round(terms.lease)),
        acquireTime=now if new else before.acquireTime,
        renewTime=now,
        leaseTransitions=(before.leaseTransitions or 0) + new,
    )
    annotations = notes.written(told, lease.metadata.annotations or {})
    metadata = cast("ObjectMeta", ObjectMeta.from_dict(lease.metadata.to_dict() | {"annotations": annotations}))
    return Lease(metadata=metadata, spec=spec)
