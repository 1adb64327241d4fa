"""Sessions in memory."""

from collections.abc import Sequence

from teltubby_core.errors import PermanentError, TeltubbyError, TransientError
from teltubby_core.wakeup import Wakeup


class MemorySessionStore:
    """Keeps the content of each slot in a dict, in plain text.

    Attributes:
        contents: what was saved, by name.
        fail_with: when set, every call but release raises it.
    """

    def __init__(self, names: Sequence[str] = ("bot-0",)) -> None:
        self.contents: dict[str, str] = {}
        self.fail_with: TeltubbyError | None = None
        self._free = list(names)
        self._names = list(names)
        self._wakeup = Wakeup()
        self._leases: dict[str, MemorySessionLease] = {}

    async def acquire(self, timeout: float) -> "MemorySessionLease":
        """Wait for a free session."""
        name = await self._wakeup.poll(self._take, timeout)
        if name is None:
            raise TransientError(f"no session became free within {timeout:g} s")
        lease = MemorySessionLease(self, name)
        self._leases[name] = lease
        return lease

    async def _take(self) -> tuple[str | None, float | None]:
        self._fail()
        return (self._free.pop(0) if self._free else None), None

    def take_away(self, name: str) -> None:
        """Let the one who holds it have it no more, as when a lease runs out; another may take it."""
        self._leases.pop(name).expire()
        self._put_back(name)

    def _put_back(self, name: str) -> None:
        self._free = [n for n in self._names if n == name or n in self._free]
        self._wakeup.notify()

    def _fail(self) -> None:
        if self.fail_with:
            raise self.fail_with


class MemorySessionLease:
    """A session that nobody else holds."""

    def __init__(self, store: MemorySessionStore, name: str) -> None:
        self._store = store
        self._name = name
        self._held = True

    @property
    def name(self) -> str:
        """The slot's name."""
        return self._name

    @property
    def held(self) -> bool:
        """Until it is released."""
        return self._held

    async def load(self) -> str | None:
        """Return its content."""
        self._check()
        return self._store.contents.get(self._name)

    async def save(self, content: str) -> None:
        """Keep its content."""
        self._check()
        self._store.contents[self._name] = content

    def expire(self) -> None:
        """Be ours no more."""
        self._held = False

    async def release(self) -> None:
        """Let the next one have it; a second time does nothing."""
        if self._held:
            self._held = False
            self._store._put_back(self._name)  # noqa: SLF001  # a lease is a part of its store

    def _check(self) -> None:
        self._store._fail()  # noqa: SLF001
        if not self._held:
            raise PermanentError(f"session {self._name} was released")
