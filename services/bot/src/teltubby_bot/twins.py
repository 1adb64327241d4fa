"""Objects that others are called duplicates of: they must really be there."""

import logging

from teltubby_core.domain.records import KnownFile
from teltubby_core.ports import ArchiveIndex, ObjectStore

log = logging.getLogger(__name__)


async def still_there(store: ObjectStore, index: ArchiveIndex, known: KnownFile) -> bool:
    """Tell whether a known object lies in the bucket with all its bytes; the index forgets one that does not."""
    head = await store.head(known.key)
    if head is not None and head.size_bytes == known.size_bytes:
        return True
    log.error("object %s is gone from the bucket or damaged; these bytes are archived anew", known.key)
    await index.forget_object(known.key)
    return False


async def known_and_there(store: ObjectStore, index: ArchiveIndex, file_unique_id: str) -> KnownFile | None:
    """Return the object of a file that Telegram calls the same, if it really lies in the bucket."""
    known = await index.known_file(file_unique_id)
    return known if known and await still_there(store, index, known) else None
