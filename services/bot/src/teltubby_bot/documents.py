"""Keeps the bucket in step with the index: message.json of settled messages, and objects that are to go."""

import logging
from collections.abc import Awaitable, Callable

from teltubby_core.documents import JSON_TYPE, encode
from teltubby_core.domain.records import MessageRecord
from teltubby_core.domain.sidecar import message_document, message_json_key
from teltubby_core.errors import InfrastructureError, PermanentError, TransientError
from teltubby_core.ports import ArchiveIndex, Clock, ObjectStore

log = logging.getLogger(__name__)

_BATCH = 20


class DocumentWriter:
    """The one writer of message.json. A change while it writes leaves the message due once more."""

    def __init__(
        self,
        store: ObjectStore,
        index: ArchiveIndex,
        clock: Clock,
        *,
        ensure_bucket: Callable[[], Awaitable[None]],
        on_written: Callable[[int], None],
        on_trouble: Callable[[int, str], None],
    ) -> None:
        """Tell ``on_written`` and ``on_trouble`` the record's id.

        ``ensure_bucket`` raises while the bucket is not known to be ours.
        """
        self._store = store
        self._index = index
        self._clock = clock
        self._ensure_bucket = ensure_bucket
        self._on_written = on_written
        self._on_trouble = on_trouble
        self._faulty: set[int] = set()  # messages that can't be documented until the next start

    async def step(self) -> float | None:
        """Write what is due, remove what is to go."""
        records = await self._index.undocumented(_BATCH, frozenset(self._faulty))
        written = [record for record in records if await self._try_to_write(record)]
        for key in await self._index.pending_deletes():
            await self._ensure_bucket()
            await self._store.delete(key)
            await self._index.deleted(key)
            log.info("removed %s: its bytes lie under another key", key)
        return 0.0 if written and len(records) == _BATCH else None

    async def _try_to_write(self, record: MessageRecord) -> bool:
        try:
            await self._write(record)
        except PermanentError as error:
            return self._refused(record, str(error))
        except (TransientError, InfrastructureError):
            raise
        except Exception:  # the edge of one message's work: logged, tried again after the next start
            log.exception("unexpected error while message record %d is documented", record.id)
            return self._refused(record, "an unexpected error, see the log")
        return True

    def _refused(self, record: MessageRecord, reason: str) -> bool:
        """Put one message aside: its fault must not hold up the others."""
        log.error("message record %d can't be documented: %s", record.id, reason)
        self._faulty.add(record.id)
        self._on_trouble(record.id, reason)
        return False

    async def _write(self, record: MessageRecord) -> None:
        assert record.base_path is not None, "only settled messages are documented"
        at = record.documented_at or self._clock.now()
        document = encode(message_document(record, self._store.bucket, at))
        try:
            await self._ensure_bucket()
            await self._store.put(message_json_key(record.base_path), document, JSON_TYPE)
        except InfrastructureError as error:
            self._on_trouble(record.id, str(error))
            raise
        await self._index.documented(record.id, record.revision, at)
        self._on_written(record.id)
