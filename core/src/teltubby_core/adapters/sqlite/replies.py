"""Messages of ours in the chats: which message or burst each follows, and what stands there."""

import sqlite3

from teltubby_core.adapters.sqlite import rows
from teltubby_core.adapters.sqlite.inbox import finish_update
from teltubby_core.domain import bursts, speech
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import MessageRecord, Reply
from teltubby_core.domain.speech import Answer, Buttons

_REOPENED = 20  # replies
_FOLLOWED = "FROM messages m WHERE (m.id = r.message OR m.id IN (SELECT message FROM bursts WHERE reply = r.id))"
_UNDER_WAY = (
    "(m.documented < m.revision OR m.base_path IS NULL OR EXISTS"
    " (SELECT 1 FROM items i WHERE i.message = m.id AND i.state IN ('pending', 'queued')))"
)
_VERSION = f"(SELECT SUM(m.revision + m.documented) {_FOLLOWED}) AS version"
_COMPLETE = f"NOT EXISTS (SELECT 1 {_FOLLOWED} AND {_UNDER_WAY}) AS complete"
_COLUMNS = f"r.*, {_VERSION}, {_COMPLETE} FROM replies r"


def follow(connection: sqlite3.Connection, record_id: int, message: IncomingMessage, now: float) -> None:
    """Give a message its living reply, of its own or one that it shares; once."""
    if connection.execute(
        "SELECT 1 FROM replies WHERE message = ?1 UNION ALL SELECT 1 FROM bursts WHERE message = ?1", (record_id,)
    ).fetchone():
        return
    if _lately(connection, message.chat_id, now) <= bursts.MESSAGES:
        connection.execute(
            "INSERT INTO replies (chat_id, reply_to, message) VALUES (?, ?, ?)",
            (message.chat_id, message.message_id, record_id),
        )
        return
    reply = _running_burst(connection, message.chat_id, now) or _new_burst(connection, message)
    connection.execute("INSERT INTO bursts (message, reply) VALUES (?, ?)", (record_id, reply))


def _lately(connection: sqlite3.Connection, chat_id: int, now: float) -> int:
    query = "SELECT COUNT(*) FROM messages WHERE chat_id = ? AND first_at > ?"
    return int(connection.execute(query, (chat_id, now - bursts.SECONDS)).fetchone()[0])


def _running_burst(connection: sqlite3.Connection, chat_id: int, now: float) -> int | None:
    row = connection.execute(
        "SELECT r.id, MAX(m.first_at) AS last_at, COUNT(*) AS messages FROM replies r"
        " JOIN bursts b ON b.reply = r.id JOIN messages m ON m.id = b.message WHERE r.id ="
        " (SELECT MAX(id) FROM replies WHERE chat_id = ? AND burst = 1 AND state IN ('open', 'idle'))",
        (chat_id,),
    ).fetchone()
    if row["id"] is None or row["last_at"] <= now - bursts.SECONDS or row["messages"] >= bursts.MOST:
        return None
    return int(row["id"])


def _new_burst(connection: sqlite3.Connection, message: IncomingMessage) -> int | None:
    query = "INSERT INTO replies (chat_id, reply_to, burst) VALUES (?, ?, 1)"
    return connection.execute(query, (message.chat_id, message.message_id)).lastrowid


def answer(
    connection: sqlite3.Connection, update_id: int, chat_id: int, reply_to: int, said: Answer, pressed: int | None
) -> None:
    """Record the answer to a command, once."""
    connection.execute(
        "INSERT OR IGNORE INTO replies (chat_id, reply_to, update_id, text, buttons, file, sent_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            chat_id,
            reply_to,
            update_id,
            said.text,
            speech.written(said.buttons),
            said.file,
            pressed if said.in_place else None,
        ),
    )
    reopen_chat(connection, chat_id)
    finish_update(connection, update_id)


def reopen_chat(connection: sqlite3.Connection, chat_id: int) -> None:
    """Whoever writes to us can be written to: what could not be shown meanwhile, the latest of it, is shown now."""
    connection.execute(
        "UPDATE replies SET state = 'open' WHERE id IN"
        " (SELECT id FROM replies WHERE chat_id = ? AND state = 'closed' ORDER BY id DESC LIMIT ?)",
        (chat_id, _REOPENED),
    )


def open_ones(connection: sqlite3.Connection, after: int, limit: int) -> list[Reply]:
    """Return replies with something new to show, oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} WHERE r.state = 'open' AND r.id > ? ORDER BY r.id LIMIT ?",
        (after, limit),
    )
    return [_reply_of(row) for row in found]


def of_record(connection: sqlite3.Connection, record_id: int) -> Reply | None:
    """Return the living reply of a message."""
    which = "(r.message = ?1 OR r.id = (SELECT b.reply FROM bursts b WHERE b.message = ?1))"
    query = f"SELECT {_COLUMNS} WHERE {which} AND r.state IN ('open', 'idle')"
    row = connection.execute(query, (record_id,)).fetchone()
    return _reply_of(row) if row else None


def burst(connection: sqlite3.Connection, reply_id: int) -> list[MessageRecord]:
    """Return the messages that share a reply, oldest first."""
    found = connection.execute("SELECT message FROM bursts WHERE reply = ? ORDER BY message", (reply_id,)).fetchall()
    return [rows.message(connection, row["message"]) for row in found]


def sent(
    connection: sqlite3.Connection, reply_id: int, sent_id: int, text: str, version: int, buttons: Buttons
) -> None:
    """Record what stands in the chat; the reply stays open when what it follows has changed since ``version``."""
    row = connection.execute(f"SELECT {_COLUMNS} WHERE r.id = ?", (reply_id,)).fetchone()
    state = "open" if (row["version"] or 0) > version else "idle"
    connection.execute(
        "UPDATE replies SET sent_id = ?, sent_text = ?, sent_buttons = ?, state = ? WHERE id = ?",
        (sent_id, text, speech.written(buttons), state, reply_id),
    )


def ended(connection: sqlite3.Connection, reply_id: int, *, chat_closed: bool) -> None:
    """Show it no more, or not before the chat's next message comes in."""
    state = "closed" if chat_closed else "gone"
    connection.execute("UPDATE replies SET state = ? WHERE id = ?", (state, reply_id))


def _reply_of(row: sqlite3.Row) -> Reply:
    """Read a row of ``_COLUMNS``."""
    return Reply(
        id=row["id"],
        chat_id=row["chat_id"],
        reply_to=row["reply_to"],
        message=row["message"],
        text=row["text"],
        version=row["version"] or 0,
        sent_id=row["sent_id"],
        sent_text=row["sent_text"],
        burst=bool(row["burst"]),
        buttons=speech.read(row["buttons"]),
        sent_buttons=speech.read(row["sent_buttons"]),
        file=row["file"],
        complete=bool(row["complete"]),
    )
