"""What workers said last about their logins at Telegram."""

import sqlite3
from datetime import timedelta

from teltubby_core.domain.jobs import SessionReport

_KEEP = timedelta(days=7)
_NOTE = """
    INSERT INTO session_reports (session, worker, at, report_json) VALUES (?, ?, ?, ?)
    ON CONFLICT (session, worker) DO UPDATE SET at = excluded.at, report_json = excluded.report_json
    WHERE excluded.at >= at
"""


def note(connection: sqlite3.Connection, report: SessionReport) -> bool:
    """Keep it, unless a later one of the same worker is there; tell whether it was kept."""
    oldest = (report.at - _KEEP).timestamp()
    connection.execute("DELETE FROM session_reports WHERE at < ?", (oldest,))
    values = (report.session, report.worker, report.at.timestamp(), report.model_dump_json())
    return connection.execute(_NOTE, values).rowcount == 1


def last(connection: sqlite3.Connection) -> list[SessionReport]:
    """Return the last report of each worker on each session, the latest first."""
    rows = connection.execute("SELECT report_json FROM session_reports ORDER BY at DESC, session, worker")
    return [SessionReport.model_validate_json(row["report_json"]) for row in rows]
