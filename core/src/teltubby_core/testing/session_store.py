"""Sessions in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from teltubby_core.domain.sessions import SessionNotes, SessionSight
from teltubby_core.errors import PermanentError, TeltubbyError, TransientError
from teltubby_core.ports import Fit
from teltubby_core.wakeup import Wakeup


@dataclass
class _Slot:
    content: str | None = None
    notes: SessionNotes = field(default_factory=SessionNotes)
    lease: "MemorySessionLease | None" = None
    retiring: bool = False


class MemorySessionStore:
    """Keeps the content of each slot in memory, in plain text.

    Attributes:
        fail_with: when set, every call but release raises it.
    """

    def __init__(self, names: Sequence[str] = ("bot-0",)) -> None:
        self.fail_with: TeltubbyError | None = None
        self._slots = {name: _Slot() for name in names}
        self._wakeup = Wakeup()

    @property
    def contents(self) -> dict[str, str]:
        """What was saved, by name."""
        return {name: slot.content for name, slot in self._slots.items() if slot.content is not None}

    def put(self, name: str, content: str, notes: SessionNotes | None = None) -> None:
        """Lay a login there, as if somebody had."""
        self._slots[name].content = content
        self._slots[name].notes = notes or self._slots[name].notes

    def retire(self, name: str) -> None:
        """Mark it, as the operator does."""
        self._slots[name].retiring = True
        self._wakeup.notify()

    def take_away(self, name: str) -> None:
        """Let the one who holds it have it no more, as when a lease runs out; another may take it."""
        self._put_back(name)

    async def acquire(self, timeout: float, fit: Fit = lambda _: True) -> "MemorySessionLease":
        """Wait for a free session that fits."""

        async def take() -> tuple[MemorySessionLease | None, float | None]:
            self._fail()
            return self._take(fit), None

        lease = await self._wakeup.poll(take, timeout)
        if lease is None:
            raise TransientError(f"no session became free within {timeout:g} s")
        return lease

    async def survey(self) -> list[SessionSight]:
        """Return how all are."""
        self._fail()
        return [self._sight(name) for name in self._slots]

    def _take(self, fit: Fit) -> "MemorySessionLease | None":
        free = [name for name, slot in self._slots.items() if slot.lease is None and fit(self._sight(name))]
        if not free:
            return None
        name = min(free, key=lambda name: self._slots[name].content is None)
        lease = MemorySessionLease(self, name)
        self._slots[name].lease = lease
        return lease

    def _sight(self, name: str) -> SessionSight:
        slot = self._slots[name]
        return SessionSight(name, slot.notes, "memory" if slot.lease else None, slot.retiring)

    def _put_back(self, name: str) -> None:
        self._slots[name].lease = None
        self._wakeup.notify()

    def _fail(self) -> None:
        if self.fail_with:
            raise self.fail_with


class MemorySessionLease:
    """A session that nobody else holds."""

    def __init__(self, store: MemorySessionStore, name: str) -> None:
        self._store = store
        self._name = name

    @property
    def name(self) -> str:
        """The slot's name."""
        return self._name

    @property
    def held(self) -> bool:
        """Until it is released or taken away."""
        return self._slot.lease is self

    @property
    def sight(self) -> SessionSight:
        """What is known of it."""
        return self._store._sight(self._name)  # noqa: SLF001  # a lease is a part of its store

    @property
    def _slot(self) -> _Slot:
        return self._store._slots[self._name]  # noqa: SLF001

    async def load(self) -> str | None:
        """Return its content."""
        self._check()
        return self._slot.content

    async def save(self, content: str) -> None:
        """Keep its content."""
        self._check()
        self._slot.content = content

    async def clear(self) -> None:
        """Forget its content."""
        self._check()
        self._slot.content = None

    async def note(self, notes: SessionNotes) -> None:
        """Let others know."""
        if self.held:
            self._slot.notes = notes

    async def release(self) -> None:
        """Let the next one have it; a second time does nothing."""
        if self.held:
            self._store._put_back(self._name)  # noqa: SLF001

    def _check(self) -> None:
        self._store._fail()  # noqa: SLF001
        if not self.held:
            raise PermanentError(f"session {self._name} was released")
