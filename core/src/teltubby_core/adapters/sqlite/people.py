"""Who talks with the bot."""

import sqlite3

from teltubby_core.domain.records import Person


def everybody(connection: sqlite3.Connection) -> list[Person]:
    """Return everybody who is known."""
    found = connection.execute("SELECT user_id, seen, chosen FROM people ORDER BY user_id")
    return [Person(row["user_id"], row["seen"], row["chosen"]) for row in found]


def note(connection: sqlite3.Connection, person: Person) -> None:
    """Keep what is known of somebody."""
    query = "INSERT OR REPLACE INTO people (user_id, seen, chosen) VALUES (?, ?, ?)"
    connection.execute(query, (person.user_id, person.seen, person.chosen))
