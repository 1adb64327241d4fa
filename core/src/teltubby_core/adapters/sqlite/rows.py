"""Rows of the index as the domain's values."""

import json
import sqlite3
from datetime import UTC, datetime

from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import (
    Caption,
    DedupReason,
    ItemRecord,
    ItemState,
    KnownFile,
    MessageRecord,
)
from teltubby_core.domain.routing import Route

ITEM_COLUMNS = (
    "i.*, j.state AS job_state, o.chat_id AS duplicate_owner, (SELECT json_group_array("
    " json_array(since, caption, json(entities))) FROM (SELECT since, caption, entities FROM captions c"
    " WHERE c.chat_id = i.chat_id AND c.message_id = i.message_id ORDER BY c.since, c.update_id)) AS captions"
    " FROM items i LEFT JOIN job_history j ON j.job_id = i.job_id LEFT JOIN items o ON o.key = i.duplicate_of"
)


def item_of(row: sqlite3.Row) -> ItemRecord:
    """Read a row of ``ITEM_COLUMNS``."""
    incoming = IncomingMessage.model_validate_json(row["incoming"])
    assert incoming.media is not None, "only messages with a file are admitted"
    return ItemRecord(
        id=row["id"],
        message=row["message"],
        update_id=row["update_id"],
        incoming=incoming,
        media=incoming.media,
        state=ItemState(row["state"]),
        ordinal=row["ordinal"],
        route=Route(row["route"]) if row["route"] else None,
        key=row["key"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        duplicate_of=row["duplicate_of"],
        dedup_reason=DedupReason(row["dedup_reason"]) if row["dedup_reason"] else None,
        skipped_reason=row["skipped_reason"],
        last_error=row["last_error"],
        held=bool(row["held"]),
        attempts=row["attempts"],
        job_id=row["job_id"],
        job_state=JobState(row["job_state"]) if row["job_state"] else None,
        filename=row["filename"],
        intended_sha256=row["intended_sha256"],
        intended_size=row["intended_size"],
        duplicate_owner=row["duplicate_owner"],
        follows=row["follows"],
        edition=row["edition"],
        later_captions=_captions(row["captions"]),
    )


def _captions(found: str) -> tuple[Caption, ...]:
    return tuple(Caption(since, text, tuple(entities)) for since, text, entities in json.loads(found))


def item(connection: sqlite3.Connection, item_id: int) -> ItemRecord:
    """Read one item."""
    return item_of(connection.execute(f"SELECT {ITEM_COLUMNS} WHERE i.id = ?", (item_id,)).fetchone())


def message(connection: sqlite3.Connection, record_id: int) -> MessageRecord:
    """Read one message with its items in Telegram's order."""
    row = connection.execute("SELECT * FROM messages WHERE id = ?", (record_id,)).fetchone()
    items = connection.execute(
        f"SELECT {ITEM_COLUMNS} WHERE i.message = ? ORDER BY i.ordinal, i.message_id, i.edition",
        (record_id,),
    )
    return MessageRecord(
        id=row["id"],
        chat_id=row["chat_id"],
        message_id=row["message_id"],
        media_group_id=row["media_group_id"],
        slug=row["slug"],
        base_path=row["base_path"],
        revision=row["revision"],
        documented=row["documented"],
        documented_at=row["documented_at"],
        items=tuple(item_of(item_row) for item_row in items),
    )


def known_file(connection: sqlite3.Connection, sha256: str) -> KnownFile | None:
    """Read the object of these bytes."""
    row = connection.execute(
        "SELECT sha256, s3_key, size_bytes FROM dedup_index WHERE sha256 = ?", (sha256,)
    ).fetchone()
    return KnownFile(row["sha256"], row["s3_key"], row["size_bytes"]) if row else None


def utc_now() -> str:
    """Return the time of a row, for people: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def touch_document(connection: sqlite3.Connection, record_id: int) -> None:
    """Something changed that only the document of a message shows."""
    connection.execute("UPDATE messages SET revision = revision + 1 WHERE id = ?", (record_id,))


def touch(connection: sqlite3.Connection, record_id: int) -> None:
    """A message changed: its document and its reply are behind."""
    touch_document(connection, record_id)
    reopen_reply(connection, record_id)


def reopen_reply(connection: sqlite3.Connection, record_id: int) -> None:
    """The reply that shows a message, alone or with others, is behind."""
    connection.execute(
        "UPDATE replies SET state = 'open' WHERE state = 'idle'"
        " AND (message = ?1 OR id = (SELECT reply FROM bursts WHERE message = ?1))",
        (record_id,),
    )
