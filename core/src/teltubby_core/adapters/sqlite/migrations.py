"""The schema, as numbered steps. A step that was released is never changed; a new one is added behind it."""

import sqlite3

from teltubby_core.errors import ConfigurationError

_FIRST = """
CREATE TABLE owner (
    bot_id INTEGER NOT NULL                 -- one row: whose index this is
);

CREATE TABLE inbox (
    bot_id INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    raw TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',      -- new, taken (its items are in the index), done, parked
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    received_at REAL NOT NULL,
    PRIMARY KEY (bot_id, update_id)
);
CREATE INDEX inbox_open ON inbox (bot_id, update_id) WHERE state = 'new';
CREATE INDEX inbox_update ON inbox (update_id);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    media_group_id TEXT,
    slug TEXT NOT NULL,
    base_path TEXT,
    first_at REAL NOT NULL,
    closes_at REAL,                         -- NULL once closed
    revision INTEGER NOT NULL DEFAULT 1,
    documented INTEGER NOT NULL DEFAULT 0,
    documented_at REAL
);
CREATE UNIQUE INDEX messages_album ON messages (chat_id, media_group_id) WHERE media_group_id IS NOT NULL;
CREATE INDEX messages_collecting ON messages (closes_at) WHERE closes_at IS NOT NULL;
CREATE INDEX messages_dirty ON messages (id) WHERE documented < revision;

CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (id),
    update_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    edition INTEGER NOT NULL DEFAULT 1,     -- how many-th file of its message: edits may bring others
    file_unique_id TEXT NOT NULL,
    incoming TEXT NOT NULL,
    ordinal INTEGER,
    filename TEXT,
    intended_sha256 TEXT,
    intended_size INTEGER,
    state TEXT NOT NULL DEFAULT 'pending',
    route TEXT,
    key TEXT,
    sha256 TEXT,
    size_bytes INTEGER,
    duplicate_of TEXT,
    dedup_reason TEXT,
    skipped_reason TEXT,
    last_error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL DEFAULT 0,
    job_id TEXT,
    follows TEXT,                           -- the job that brings the same file already
    UNIQUE (chat_id, message_id, edition),
    UNIQUE (chat_id, message_id, file_unique_id)
);
CREATE INDEX items_pending ON items (id) WHERE state = 'pending';
CREATE INDEX items_due ON items (due_at) WHERE state = 'pending';
CREATE INDEX items_of_message ON items (message);
CREATE INDEX items_key ON items (key) WHERE key IS NOT NULL;
CREATE INDEX items_duplicate_of ON items (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE UNIQUE INDEX items_job ON items (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX items_follow ON items (follows) WHERE follows IS NOT NULL;
CREATE INDEX items_lead ON items (file_unique_id) WHERE state = 'queued';

CREATE TABLE captions (                     -- those that edits gave; the first one is in items.incoming
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    caption TEXT,
    entities TEXT NOT NULL,
    PRIMARY KEY (chat_id, message_id, since, update_id)
);

CREATE TABLE dedup_index (
    sha256 TEXT PRIMARY KEY,
    s3_key TEXT NOT NULL,
    size_bytes INTEGER,
    mime_type TEXT,
    file_unique_id TEXT UNIQUE,
    created_at TEXT NOT NULL
);
CREATE INDEX dedup_key ON dedup_index (s3_key);
CREATE TABLE file_ids (
    file_unique_id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL
);
CREATE INDEX file_ids_hash ON file_ids (sha256);

CREATE TABLE job_history (
    job_id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER DEFAULT 4,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    last_error TEXT,
    payload_json TEXT
);
CREATE TABLE outbox (
    job_id TEXT PRIMARY KEY REFERENCES job_history (job_id)
);
CREATE TABLE job_events (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    event_json TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX job_events_job ON job_events (job_id);

CREATE TABLE replies (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL,
    reply_to INTEGER NOT NULL,
    message INTEGER UNIQUE REFERENCES messages (id),
    update_id INTEGER UNIQUE,
    text TEXT,
    sent_id INTEGER,
    sent_text TEXT,
    state TEXT NOT NULL DEFAULT 'open'      -- open, idle (nothing new to show), closed (the chat, for now), gone
);
CREATE INDEX replies_open ON replies (id) WHERE state = 'open';
CREATE INDEX replies_closed ON replies (chat_id, id) WHERE state = 'closed';

CREATE TABLE pending_deletes (
    key TEXT PRIMARY KEY,
    created_at TEXT NOT NULL
);

CREATE TABLE secrets (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE queued_jobs (
    tag INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL,
    payload TEXT NOT NULL,
    available_at REAL NOT NULL,
    redeliveries INTEGER NOT NULL DEFAULT 0,
    holder TEXT,                            -- NULL while it waits
    dead_reason TEXT                        -- set: a dead letter
);
CREATE INDEX queued_jobs_ready ON queued_jobs (priority DESC, tag) WHERE holder IS NULL AND dead_reason IS NULL;
CREATE TABLE queued_events (
    tag INTEGER PRIMARY KEY,
    payload TEXT NOT NULL
);
"""

_SECOND = """
ALTER TABLE items ADD COLUMN held INTEGER NOT NULL DEFAULT 0;  -- 1: until the archive has room for it
ALTER TABLE items ADD COLUMN announced_bytes INTEGER
    GENERATED ALWAYS AS (COALESCE(json_extract(incoming, '$.media.size_bytes'), 0)) VIRTUAL;
CREATE INDEX items_held ON items (id) WHERE held = 1;

CREATE TABLE usage (                        -- one row, kept by the triggers below: no sum over the whole index
    stored_bytes INTEGER NOT NULL,          -- of stored objects
    open_bytes INTEGER NOT NULL             -- announced by the files of open jobs, followers aside
);
INSERT INTO usage (stored_bytes, open_bytes) SELECT
    COALESCE(SUM(COALESCE(size_bytes, 0)) FILTER (WHERE state = 'stored'), 0),
    COALESCE(SUM(announced_bytes) FILTER (WHERE state = 'queued' AND follows IS NULL), 0)
FROM items;
CREATE TRIGGER items_come AFTER INSERT ON items BEGIN
    UPDATE usage SET
        stored_bytes = stored_bytes + (new.state = 'stored') * COALESCE(new.size_bytes, 0),
        open_bytes = open_bytes + (new.state = 'queued' AND new.follows IS NULL) * new.announced_bytes;
END;
CREATE TRIGGER items_go AFTER DELETE ON items BEGIN
    UPDATE usage SET
        stored_bytes = stored_bytes - (old.state = 'stored') * COALESCE(old.size_bytes, 0),
        open_bytes = open_bytes - (old.state = 'queued' AND old.follows IS NULL) * old.announced_bytes;
END;
CREATE TRIGGER items_change AFTER UPDATE OF state, size_bytes, follows, incoming ON items BEGIN
    UPDATE usage SET
        stored_bytes = stored_bytes + (new.state = 'stored') * COALESCE(new.size_bytes, 0)
                                    - (old.state = 'stored') * COALESCE(old.size_bytes, 0),
        open_bytes = open_bytes + (new.state = 'queued' AND new.follows IS NULL) * new.announced_bytes
                                - (old.state = 'queued' AND old.follows IS NULL) * old.announced_bytes;
END;

CREATE INDEX job_history_user ON job_history (user_id);
CREATE INDEX job_history_open ON job_history (user_id) WHERE state IN ('PENDING', 'PROCESSING', 'RETRYING');
"""

_SESSION_REPORTS = """
CREATE TABLE session_reports (              -- the last word of each worker on each login that it had
    session TEXT NOT NULL,
    worker TEXT NOT NULL,
    at REAL NOT NULL,
    report_json TEXT NOT NULL,
    PRIMARY KEY (session, worker)
);
"""

_RELAY = """
CREATE TABLE relay_copies (                 -- of messages, in the channel that user accounts read from
    job_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (chat_id, message_id)
);
CREATE INDEX relay_copies_job ON relay_copies (job_id, generation);
"""

_CONVERSATION = """
ALTER TABLE replies ADD COLUMN burst INTEGER NOT NULL DEFAULT 0;    -- 1: it follows the messages in bursts
ALTER TABLE replies ADD COLUMN buttons TEXT;                        -- of the answer to a command
ALTER TABLE replies ADD COLUMN sent_buttons TEXT;
ALTER TABLE replies ADD COLUMN file INTEGER REFERENCES items (id);  -- whose file it brings
CREATE TABLE bursts (                       -- messages that share a reply
    message INTEGER PRIMARY KEY REFERENCES messages (id),
    reply INTEGER NOT NULL REFERENCES replies (id)
);
CREATE INDEX bursts_reply ON bursts (reply);
CREATE INDEX messages_chat ON messages (chat_id, first_at);
CREATE INDEX replies_burst ON replies (chat_id, id) WHERE burst = 1;
CREATE TABLE people (                       -- who talks with the bot, and how
    user_id INTEGER PRIMARY KEY,
    seen TEXT,                              -- their app's language, as their latest message told
    chosen TEXT                             -- by /language
);
"""

_SEARCHED = (
    "$.caption",
    "$.media.original_filename",
    "$.forward_origin.title",
    "$.forward_origin.name",
    "$.forward_origin.username",
    "$.media.kind",
)
"""What /find looks at of a message, beside its date; later captions are added when they come."""


def _words(incoming: str) -> str:
    """Return the SQL of all that an item is found by, given where its message's JSON is."""
    date = f"json_extract({incoming}, '$.date')"
    german = f"substr({date}, 9, 2) || '.' || substr({date}, 6, 2) || '.' || substr({date}, 1, 4)"
    found = [f"COALESCE(json_extract({incoming}, '{path}'), '')" for path in _SEARCHED]
    return " || ' ' || ".join([*found, f"substr({date}, 1, 10)", german])


_FINDING = f"""
CREATE VIRTUAL TABLE search USING fts5 (words, tokenize = 'trigram');  -- rowid: the item's id
INSERT INTO search (rowid, words) SELECT id, {_words("incoming")} FROM items;
UPDATE search SET words = words || ' ' || (
    SELECT group_concat(c.caption, ' ') FROM captions c JOIN items i USING (chat_id, message_id)
    WHERE i.id = search.rowid
) WHERE rowid IN (SELECT i.id FROM captions c JOIN items i USING (chat_id, message_id) WHERE c.caption IS NOT NULL);
CREATE TRIGGER items_found AFTER INSERT ON items BEGIN
    INSERT INTO search (rowid, words) VALUES (new.id, {_words("new.incoming")});
END;
CREATE TRIGGER items_lost AFTER DELETE ON items BEGIN
    DELETE FROM search WHERE rowid = old.id;
END;
CREATE TRIGGER captions_found AFTER INSERT ON captions WHEN new.caption IS NOT NULL BEGIN
    UPDATE search SET words = words || ' ' || new.caption WHERE rowid IN
        (SELECT id FROM items WHERE chat_id = new.chat_id AND message_id = new.message_id);
END;
CREATE TABLE searches (                     -- the latest, for their further pages
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    words TEXT NOT NULL
);
CREATE INDEX items_of_chat ON items (chat_id, id);
"""  # noqa: S608 - made of constants

_STEPS: tuple[str, ...] = (_FIRST, _SECOND, _SESSION_REPORTS, _RELAY, _CONVERSATION, _FINDING)
LATEST = len(_STEPS)
"""Number of the last step."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date within the running transaction.

    Raises:
        ConfigurationError: the file was written by a newer version.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(_STEPS):
        raise ConfigurationError(
            [f"SQLITE_PATH: this database has schema {version}, made by a newer teltubby; this one knows {len(_STEPS)}"]
        )
    for number, step in enumerate(_STEPS[version:], version + 1):
        for statement in _statements(step):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> list[str]:
    # executescript would commit the transaction that this runs in
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found
