"""What became of an item, and the index of what the bucket holds. One transaction each (see ArchiveIndex)."""

import sqlite3
from dataclasses import replace

from teltubby_core.adapters.sqlite import followers, rows, trail
from teltubby_core.adapters.sqlite.inbox import finish_update
from teltubby_core.adapters.sqlite.job_rows import to_outbox
from teltubby_core.domain import keys
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import (
    Cancelled,
    DedupReason,
    Duplicate,
    Failed,
    ItemRecord,
    ItemState,
    KnownFile,
    Outcome,
    Queued,
    Skipped,
    Stored,
)
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sidecar import METADATA_JSON


def settle(connection: sqlite3.Connection, item_id: int, outcome: Outcome, *, dedup: bool) -> Outcome:
    """Record ``outcome`` for the item; see ArchiveIndex.settle."""
    item = rows.item(connection, item_id)
    if isinstance(outcome, Stored):
        outcome = _admit_object(connection, item, outcome, dedup=dedup)
    if isinstance(outcome, Duplicate) and outcome.own_key is not None:
        _let_go(connection, outcome.own_key, outcome.duplicate_of)
    if _comes_too_late(item, outcome):
        return outcome  # only the objects above were to be seen to
    match outcome:
        case Stored():
            _update(
                connection,
                item,
                state=ItemState.STORED,
                key=outcome.key,
                sha256=outcome.sha256,
                size_bytes=outcome.size_bytes,
                route=outcome.route,
            )
        case Duplicate():
            _note_file_id(connection, item.media.file_unique_id, outcome.sha256)
            _update(
                connection,
                item,
                state=ItemState.DUPLICATE,
                duplicate_of=outcome.duplicate_of,
                dedup_reason=outcome.reason,
                sha256=outcome.sha256,
                route=outcome.route,
            )
        case Skipped():
            _update(connection, item, state=ItemState.SKIPPED, skipped_reason=outcome.reason)
        case Failed():
            _update(connection, item, state=ItemState.FAILED, skipped_reason=outcome.reason)
        case Cancelled():
            _update(connection, item, state=ItemState.CANCELLED, skipped_reason=outcome.reason)
        case Queued():
            outcome = replace(outcome, follows=followers.leader_for(connection, item) if dedup else None)
            _record_job(connection, outcome)
            _update(
                connection,
                item,
                state=ItemState.QUEUED,
                job_id=outcome.job.job_id,
                follows=outcome.follows,
                route=Route.MTPROTO,
            )
    finish_update(connection, item.update_id)
    return outcome


def _comes_too_late(item: ItemRecord, outcome: Outcome) -> bool:
    """Whether the item has its outcome: what comes after a crash or redelivery says the same again.

    One that failed or was cancelled may still be stored: of two copies of a job one can fail and the other end well,
    and a cancel may come when the object is there already.
    """
    if isinstance(outcome, Queued):
        return item.state is not ItemState.PENDING
    without_object = item.state in {ItemState.SKIPPED, ItemState.FAILED, ItemState.CANCELLED}
    mended = without_object and isinstance(outcome, Stored | Duplicate)
    return item.state.final and not mended


def _update(connection: sqlite3.Connection, item: ItemRecord, **values: object) -> None:
    values = {"last_error": None, "skipped_reason": None, "follows": None, "held": 0, **values}
    assignments = ", ".join(f"{column} = ?" for column in values)
    connection.execute(
        f"UPDATE items SET {assignments} WHERE id = ?",  # noqa: S608 - column names of this module only
        (*values.values(), item.id),
    )
    rows.touch(connection, item.message)


def _admit_object(
    connection: sqlite3.Connection, item: ItemRecord, stored: Stored, *, dedup: bool
) -> Stored | Duplicate:
    known = rows.known_file(connection, stored.sha256)
    if dedup and known and known.key != stored.key:
        return Duplicate(known.key, DedupReason.SHA256, stored.sha256, stored.key, stored.route)
    for key in _with_metadata(stored.key):
        deleted(connection, key)
    _note_object(connection, item, stored)
    return stored


def _let_go(connection: sqlite3.Connection, key: str, duplicate_of: str) -> None:
    """Have what lies under the duplicate's own key removed, unless an item stands on it.

    Of an item that failed nothing is removed: another copy of its job may just have stored the file.
    """
    used = connection.execute("SELECT 1 FROM items WHERE key = ? OR duplicate_of = ?", (key, key)).fetchone()
    if key == duplicate_of or used:
        return
    connection.executemany(
        "INSERT OR IGNORE INTO pending_deletes (key, created_at) VALUES (?, ?)",
        [(each, rows.utc_now()) for each in _with_metadata(key)],
    )


def _with_metadata(key: str) -> list[str]:
    """Return the key of an object and, of a worker's item, that of its metadata.json."""
    return [key, keys.beside(key, METADATA_JSON)] if keys.is_workers(key) else [key]


def _note_object(connection: sqlite3.Connection, item: ItemRecord, stored: Stored) -> None:
    unique_id = item.media.file_unique_id
    taken = connection.execute("SELECT 1 FROM dedup_index WHERE file_unique_id = ?", (unique_id,)).fetchone()
    connection.execute(
        "INSERT OR IGNORE INTO dedup_index (sha256, s3_key, size_bytes, mime_type, file_unique_id, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            stored.sha256,
            stored.key,
            stored.size_bytes,
            item.media.mime_type,
            None if taken else unique_id,
            rows.utc_now(),
        ),
    )
    _note_file_id(connection, unique_id, stored.sha256)


def _note_file_id(connection: sqlite3.Connection, file_unique_id: str, sha256: str) -> None:
    connection.execute(
        "INSERT INTO file_ids (file_unique_id, sha256) VALUES (?, ?)"
        " ON CONFLICT (file_unique_id) DO UPDATE SET sha256 = excluded.sha256",
        (file_unique_id, sha256),
    )


def _record_job(connection: sqlite3.Connection, queued: Queued) -> None:
    job = queued.job
    connection.execute(
        "INSERT INTO job_history"
        " (job_id, user_id, chat_id, message_id, state, priority, created_at, updated_at, payload_json)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.job_id,
            job.user_id,
            job.chat_id,
            job.message_id,
            JobState.PENDING,
            job.job_metadata.priority.level,
            rows.utc_now(),
            rows.utc_now(),
            job.model_dump_json(),
        ),
    )
    trail.note(connection, job.job_id, trail.CREATED, follows=queued.follows)
    if queued.follows is None:
        to_outbox(connection, job.job_id)


def known_by_file_id(connection: sqlite3.Connection, file_unique_id: str) -> KnownFile | None:
    """Return the object of a file that Telegram calls the same."""
    row = connection.execute("SELECT sha256 FROM file_ids WHERE file_unique_id = ?", (file_unique_id,)).fetchone()
    return rows.known_file(connection, row["sha256"]) if row else None


def forget_object(connection: sqlite3.Connection, key: str) -> None:
    """Stop calling anything a duplicate of ``key``."""
    connection.execute("DELETE FROM dedup_index WHERE s3_key = ?", (key,))


def pending_deletes(connection: sqlite3.Connection) -> list[str]:
    """Return keys whose objects are to be removed, oldest first."""
    found = connection.execute("SELECT key FROM pending_deletes ORDER BY created_at, key LIMIT 100")
    return [row["key"] for row in found]


def deleted(connection: sqlite3.Connection, key: str) -> None:
    """The object is gone."""
    connection.execute("DELETE FROM pending_deletes WHERE key = ?", (key,))
