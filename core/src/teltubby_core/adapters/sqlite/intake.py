"""Messages and albums as they come in, and which of their items are to be archived next."""

import json
import sqlite3

from teltubby_core.adapters.sqlite import replies, rows
from teltubby_core.adapters.sqlite.inbox import finish_update, take_update
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.keys import base_path, chat_slug
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import ItemRecord


def claim(connection: sqlite3.Connection, bot_id: int) -> int:
    """Record whose index this is, at first sight; return the owner."""
    row = connection.execute("SELECT bot_id FROM owner").fetchone()
    if row is not None:
        return int(row["bot_id"])
    connection.execute("INSERT INTO owner (bot_id) VALUES (?)", (bot_id,))
    return bot_id


def admit(
    connection: sqlite3.Connection, update_id: int, message: IncomingMessage, window: AlbumWindow, now: float
) -> int:
    """Take a message in, once: alone, into its collecting album, or late into a closed one."""
    known = _record_of(connection, message)
    if known is not None:
        finish_update(connection, update_id)
        return known
    record_id, ordinal = _join_album(connection, message, window, now) or _open_message(
        connection, message, window, now
    )
    for number, single in enumerate(message.each_with_one_file()):
        _add_item(connection, record_id, update_id, single, None if ordinal is None else ordinal + number)
    replies.follow(connection, record_id, message, now)
    take_update(connection, update_id)
    replies.reopen_chat(connection, message.chat_id)
    rows.touch(connection, record_id)
    return record_id


def edit(connection: sqlite3.Connection, update_id: int, message: IncomingMessage) -> int | None:
    """Keep the caption that an edit gave, and add the file that it brought; None when we do not have the message."""
    record_id = _record_of(connection, message)
    if record_id is None or message.media is None:
        return None
    _note_caption(connection, update_id, message)
    new = [single for single in message.each_with_one_file() if not _has_file(connection, single)]
    for single in new:
        _add_item(connection, record_id, update_id, single, _next_ordinal(connection, record_id))
    if new:
        take_update(connection, update_id)
        rows.touch(connection, record_id)
    else:  # no reply shows a caption
        finish_update(connection, update_id)
        rows.touch_document(connection, record_id)
    return record_id


def _record_of(connection: sqlite3.Connection, message: IncomingMessage) -> int | None:
    row = connection.execute(
        "SELECT message FROM items WHERE chat_id = ? AND message_id = ?", (message.chat_id, message.message_id)
    ).fetchone()
    return int(row["message"]) if row else None


def _has_file(connection: sqlite3.Connection, message: IncomingMessage) -> bool:
    assert message.media is not None, "an edit without a file is none of ours"
    query = "SELECT 1 FROM items WHERE chat_id = ? AND message_id = ? AND file_unique_id = ?"
    of_message = (message.chat_id, message.message_id, message.media.file_unique_id)
    return connection.execute(query, of_message).fetchone() is not None


def _note_caption(connection: sqlite3.Connection, update_id: int, message: IncomingMessage) -> None:
    since = int(message.edit_date.timestamp()) if message.edit_date else int(message.date.timestamp())
    connection.execute(
        "INSERT OR IGNORE INTO captions (chat_id, message_id, since, update_id, caption, entities)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            message.chat_id,
            message.message_id,
            since,
            update_id,
            message.caption,
            json.dumps(message.caption_entities),
        ),
    )


def _add_item(
    connection: sqlite3.Connection, record_id: int, update_id: int, message: IncomingMessage, ordinal: int | None
) -> None:
    assert message.media is not None, "only messages with a file are taken in"
    connection.execute(
        "INSERT INTO items (message, update_id, chat_id, message_id, edition, file_unique_id, incoming, ordinal)"
        " VALUES (?1, ?2, ?3, ?4, (SELECT COUNT(*) + 1 FROM items WHERE chat_id = ?3 AND message_id = ?4), ?5, ?6, ?7)",
        (
            record_id,
            update_id,
            message.chat_id,
            message.message_id,
            message.media.file_unique_id,
            message.model_dump_json(),
            ordinal,
        ),
    )


def _next_ordinal(connection: sqlite3.Connection, record_id: int) -> int | None:
    """Return the number of a further item; None while its album collects, which numbers all when it closes."""
    last = connection.execute("SELECT MAX(ordinal) FROM items WHERE message = ?", (record_id,)).fetchone()[0]
    return None if last is None else int(last) + 1


def _join_album(
    connection: sqlite3.Connection, message: IncomingMessage, window: AlbumWindow, now: float
) -> tuple[int, int | None] | None:
    if message.media_group_id is None:
        return None
    album = connection.execute(
        "SELECT id, first_at, closes_at FROM messages WHERE chat_id = ? AND media_group_id = ?",
        (message.chat_id, message.media_group_id),
    ).fetchone()
    if album is None:
        return None
    if album["closes_at"] is not None:
        closes_at = window.closes_at(album["first_at"], now)
        connection.execute("UPDATE messages SET closes_at = ? WHERE id = ?", (closes_at, album["id"]))
        return album["id"], None
    return album["id"], _next_ordinal(connection, album["id"])


def _open_message(
    connection: sqlite3.Connection, message: IncomingMessage, window: AlbumWindow, now: float
) -> tuple[int, int | None]:
    slug = chat_slug(message)
    album = message.media_group_id is not None
    path = None if album else base_path(message.date, slug, message.message_id)
    record_id = connection.execute(
        "INSERT INTO messages (chat_id, message_id, media_group_id, slug, base_path, first_at, closes_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            message.chat_id,
            message.message_id,
            message.media_group_id,
            slug,
            path,
            now,
            window.closes_at(now, now) if album else None,
        ),
    ).lastrowid
    assert record_id is not None
    return record_id, None if album else 1


def close_due(connection: sqlite3.Connection, now: float) -> list[int]:
    """Close the albums whose window is over: from here on ids, ordinals and folder stay."""
    due = connection.execute(
        "SELECT id FROM messages WHERE closes_at IS NOT NULL AND closes_at <= ? ORDER BY closes_at, id", (now,)
    ).fetchall()
    for row in due:
        _close(connection, row["id"])
    return [row["id"] for row in due]


def _close(connection: sqlite3.Connection, record_id: int) -> None:
    record = rows.message(connection, record_id)
    first = record.items[0].incoming
    for ordinal, item in enumerate(record.items, 1):
        connection.execute("UPDATE items SET ordinal = ? WHERE id = ?", (ordinal, item.id))
    connection.execute(
        "UPDATE messages SET message_id = ?, base_path = ?, closes_at = NULL WHERE id = ?",
        (first.message_id, base_path(first.date, record.slug, first.message_id), record_id),
    )
    rows.touch(connection, record_id)


def next_close(connection: sqlite3.Connection) -> float | None:
    """Return when the next album closes."""
    value = connection.execute("SELECT MIN(closes_at) FROM messages WHERE closes_at IS NOT NULL").fetchone()[0]
    return None if value is None else float(value)


def claimable(connection: sqlite3.Connection, now: float, exclude: frozenset[int], limit: int) -> list[ItemRecord]:
    """Return pending items that are due, those in nobody's hands, oldest first."""
    found = connection.execute(
        f"SELECT {rows.ITEM_COLUMNS} JOIN messages m ON m.id = i.message"
        " WHERE i.state = 'pending' AND i.due_at <= ? AND m.closes_at IS NULL ORDER BY i.id LIMIT ?",
        (now, limit + len(exclude)),
    )
    items = [rows.item_of(row) for row in found if row["id"] not in exclude]
    return items[:limit]


def next_due(connection: sqlite3.Connection, exclude: frozenset[int]) -> float | None:
    """Return when the next pending item of a closed message is due."""
    found = connection.execute(
        "SELECT i.id, i.due_at FROM items i JOIN messages m ON m.id = i.message"
        " WHERE i.state = 'pending' AND m.closes_at IS NULL ORDER BY i.due_at LIMIT ?",
        (len(exclude) + 1,),
    )
    return next((float(row["due_at"]) for row in found if row["id"] not in exclude), None)


def place(connection: sqlite3.Connection, item_id: int, filename: str) -> str:
    """Fix an item's filename unless it is; return the one that stays."""
    connection.execute("UPDATE items SET filename = ? WHERE id = ? AND filename IS NULL", (filename, item_id))
    return str(connection.execute("SELECT filename FROM items WHERE id = ?", (item_id,)).fetchone()["filename"])


def intend(connection: sqlite3.Connection, item_id: int, sha256: str, size_bytes: int) -> None:
    """Note the bytes that are about to become an item's object."""
    query = "UPDATE items SET intended_sha256 = ?, intended_size = ? WHERE id = ?"
    connection.execute(query, (sha256, size_bytes, item_id))


def postpone(connection: sqlite3.Connection, item_id: int, error: str, due_at: float, *, counts: bool) -> int:
    """Put an item off, with the reason for people to read."""
    row = connection.execute(
        "UPDATE items SET due_at = ?, attempts = attempts + ?, last_error = ?, held = 0 WHERE id = ?"
        " RETURNING attempts, message",
        (due_at, int(counts), error, item_id),
    ).fetchone()
    rows.touch(connection, row["message"])
    return int(row["attempts"])


def hold(connection: sqlite3.Connection, item_id: int, reason: str, due_at: float) -> None:
    """Put an item off until there is room for it; who looked before and saw the same reason is not told again."""
    before = connection.execute("SELECT message, held, last_error FROM items WHERE id = ?", (item_id,)).fetchone()
    connection.execute("UPDATE items SET due_at = ?, last_error = ?, held = 1 WHERE id = ?", (due_at, reason, item_id))
    if not before["held"] or before["last_error"] != reason:
        rows.touch(connection, before["message"])


def release_held(connection: sqlite3.Connection, now: float) -> int:
    """Let what waits for room be looked at now; return how many items that are."""
    query = "UPDATE items SET due_at = MIN(due_at, ?) WHERE held = 1 AND state = 'pending'"
    return connection.execute(query, (now,)).rowcount
