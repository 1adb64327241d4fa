"""A bucket in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from teltubby_core.domain.keys import is_valid
from teltubby_core.errors import PermanentError, TeltubbyError
from teltubby_core.ports import ObjectHead


@dataclass(frozen=True)
class StoredObject:
    """An object as it was committed."""

    body: bytes
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class MemoryObjectStore:
    """Keeps objects in a dict.

    Attributes:
        objects: what is committed, by key.
        fail_with: when set, every call but abort raises it, also those of uploads already begun.
        fail_commit_with: when set, only commit raises it.
    """

    def __init__(self, bucket: str = "test") -> None:
        self.objects: dict[str, StoredObject] = {}
        self.fail_with: TeltubbyError | None = None
        self.fail_commit_with: TeltubbyError | None = None
        self._live: set[MemoryUpload] = set()
        self._dead: set[MemoryUpload] = set()
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self._bucket

    @property
    def uploads_open(self) -> int:
        """How many uploads were begun and neither committed nor aborted; those of dead writers count."""
        return len(self._live) + len(self._dead)

    async def begin(self, key: str, content_type: str, metadata: Mapping[str, str]) -> "MemoryUpload":
        """Start an object."""
        self._check(key)
        upload = MemoryUpload(self, key, content_type, dict(metadata))
        self._live.add(upload)
        return upload

    async def put(self, key: str, body: bytes, content_type: str) -> None:
        """Store or replace an object."""
        self._check(key)
        self.objects[key] = StoredObject(body, content_type)

    async def put_if_absent(self, key: str, body: bytes, content_type: str) -> bool:
        """Store an object unless the key is taken."""
        self._check(key)
        if key in self.objects:
            return False
        self.objects[key] = StoredObject(body, content_type)
        return True

    async def get(self, key: str) -> bytes | None:
        """Read an object."""
        self._check(key)
        found = self.objects.get(key)
        return found.body if found else None

    async def read(self, key: str, start: int, size: int) -> bytes | None:
        """Read a part of an object."""
        self._check(key)
        found = self.objects.get(key)
        return found.body[start : start + size] if found else None

    async def head(self, key: str) -> ObjectHead | None:
        """Look at an object."""
        self._check(key)
        found = self.objects.get(key)
        return ObjectHead(len(found.body)) if found else None

    async def delete(self, key: str) -> None:
        """Remove an object."""
        self._check(key)
        self.objects.pop(key, None)

    async def sweep(self) -> int:
        """Forget the uploads of dead writers."""
        self._fail()
        swept = len(self._dead)
        self._dead.clear()
        return swept

    def kill_writers(self) -> None:
        """Let every open upload be one whose process died."""
        self._dead |= self._live
        self._live.clear()

    def _check(self, key: str) -> None:
        if not is_valid(key):
            raise PermanentError(f"not a valid object key: {key!r}")
        self._fail()

    def _fail(self) -> None:
        if self.fail_with:
            raise self.fail_with

    def _end(self, upload: "MemoryUpload") -> None:
        self._live.discard(upload)  # who was killed has nothing left to end

    def _finish(self, upload: "MemoryUpload", key: str, content: StoredObject) -> None:
        if self.fail_commit_with:
            raise self.fail_commit_with
        self.objects[key] = content
        self._end(upload)


class MemoryUpload:
    """An object in the making."""

    def __init__(self, store: MemoryObjectStore, key: str, content_type: str, metadata: dict[str, str]) -> None:
        self._store = store
        self._key = key
        self._content_type = content_type
        self._metadata = metadata
        self._body = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._check_open()
        self._body += chunk

    async def commit(self, late: Mapping[str, str] | None = None) -> None:
        """Make the object appear."""
        self._check_open()
        self._store._finish(  # noqa: SLF001  # an upload is a part of its store
            self, self._key, StoredObject(bytes(self._body), self._content_type, {**self._metadata, **(late or {})})
        )

    async def abort(self) -> None:
        """Leave nothing behind."""
        self._store._end(self)  # noqa: SLF001

    def _check_open(self) -> None:
        self._store._fail()  # noqa: SLF001
        if self not in self._store._live:  # noqa: SLF001
            raise PermanentError(f"the upload of {self._key!r} is over")
