"""Where objects lie: can we write, read and remove there, is it this bot's, is there room?"""

import asyncio
import json
import shutil
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict
from teltubby_cli.doctor.places import can_be_made, size_of
from teltubby_core.domain.keys import ROOT
from teltubby_core.errors import StorageUnavailableError
from teltubby_core.ownership import OWNER_KEY
from teltubby_core.ports import ObjectStore

_PROBE = b"written by teltubby doctor, to be removed at once\n"


class BucketStore(ObjectStore, Protocol):
    """A store whose server may tell a limit."""

    async def ensure_bucket(self) -> None:
        """Find the bucket, or make it."""
        ...

    async def quota_bytes(self) -> int | None:
        """Ask for the bucket's own limit."""
        ...


async def look_at_folder(store: ObjectStore, folder: Path, bot_id: int | None, quota: int | None) -> Said:
    """Look at an archive in a folder. ``quota`` in bytes, as the settings have it."""
    folder = await asyncio.to_thread(folder.absolute)
    if not await asyncio.to_thread(folder.exists):
        yield await asyncio.to_thread(can_be_made, folder, "ARCHIVE_DIR")
        return
    await _try_out(store)
    yield Verdict.FINE, f"{folder} can be written, read and cleared"
    yield await _owner(store, bot_id, "ARCHIVE_DIR")
    free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
    yield Verdict.FINE, f"{size_of(free)} free there; {_limit(quota, 'S3_BUCKET_QUOTA_BYTES')}"


async def look_at_bucket(store: BucketStore, place: str, bot_id: int | None, quota: int | None) -> Said:
    """Look at an archive in a bucket at ``place``. A missing one is made when it may be, as the bot does."""
    await store.ensure_bucket()
    await _try_out(store)
    yield Verdict.FINE, f"“{store.bucket}” at {place} can be written, read and cleared"
    yield await _owner(store, bot_id, "S3_BUCKET")
    if quota is not None:
        yield Verdict.FINE, _limit(quota, "S3_BUCKET_QUOTA_BYTES")
    else:
        yield Verdict.FINE, _limit(await store.quota_bytes(), "the bucket's own")


async def _try_out(store: ObjectStore) -> None:
    """Write an object, read it, remove it.

    Raises:
        TeltubbyError: one of these is not possible.
    """
    key = f"{ROOT}/doctor/{token_hex(8)}.txt"
    await store.put(key, _PROBE, "text/plain")
    try:
        read = await store.get(key)
    finally:
        await store.delete(key)
    if read != _PROBE:
        raise StorageUnavailableError(
            f"{key} was written to “{store.bucket}” but does not read the same – check the store"
        )
    if await store.head(key) is not None:
        raise StorageUnavailableError(f"{key} was removed from “{store.bucket}” but is still there – check the store")


async def _owner(store: ObjectStore, bot_id: int | None, setting: str) -> tuple[Verdict, str]:
    record = await store.get(OWNER_KEY)
    if record is None:
        return Verdict.FINE, "it is nobody's yet; the bot makes it its own at its start"
    owner = _owner_in(record)
    if owner is None:
        return (
            Verdict.WRONG,
            f"{OWNER_KEY} can't be read – restore it from a backup, or name another place in {setting}",
        )
    if bot_id is None:
        return Verdict.NOT_CHECKED, f"it belongs to bot {owner}; TELEGRAM_BOT_TOKEN does not tell whether that is yours"
    if owner != bot_id:
        text = f"it is the archive of bot {owner}, but TELEGRAM_BOT_TOKEN is bot {bot_id}'s"
        return Verdict.WRONG, f"{text} – name another one in {setting}"
    return Verdict.FINE, f"it belongs to this bot ({owner})"


def _owner_in(record: bytes) -> int | None:
    try:
        owner = json.loads(record)["bot_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return owner if isinstance(owner, int) else None


def _limit(quota: int | None, source: str) -> str:
    return f"quota {size_of(quota)} ({source})" if quota is not None else "no quota"
