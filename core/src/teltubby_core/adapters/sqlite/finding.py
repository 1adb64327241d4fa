"""Finding stored files again: by any part of a word (trigrams), so that it works in every script, and with a typo."""

import re
import sqlite3

from teltubby_core.adapters.sqlite import rows
from teltubby_core.domain.records import Found, ItemRecord

_GRAM = 3
_MOST_WORDS = 12
_MOST_CLOSE = 200  # that are looked at when nothing fits exactly
_SPOILT = 3  # trigrams that one wrong letter spoils
_KEPT = 1000  # searches
_OWN = "FROM search s JOIN items i ON i.id = s.rowid WHERE i.chat_id = ?"


def find(connection: sqlite3.Connection, user_id: int, words: str, offset: int, limit: int) -> Found:
    """Return a page of a user's items that have all these words, or else come close."""
    wanted = words.split()[:_MOST_WORDS]
    if not wanted:
        return Found((), 0)
    condition, values = _all_of(wanted)
    where = f"{_OWN} AND {condition}"
    total = int(connection.execute(f"SELECT COUNT(*) {where}", (user_id, *values)).fetchone()[0])
    if not total:
        return _close_ones(connection, user_id, wanted, offset, limit)
    query = f"SELECT i.id {where} ORDER BY i.id DESC LIMIT ? OFFSET ?"
    found = connection.execute(query, (user_id, *values, limit, offset)).fetchall()
    return Found(_items(connection, [row["id"] for row in found]), total)


def _all_of(wanted: list[str]) -> tuple[str, list[str]]:
    """Return the condition that all words are there, and its values. Too short ones have no trigram to go by."""
    long = [word for word in wanted if len(word) >= _GRAM]
    short = [word for word in wanted if len(word) < _GRAM]
    conditions = ["s.words MATCH ?"] if long else []
    conditions += ["s.words LIKE ? ESCAPE '\\'"] * len(short)
    values = [" AND ".join(map(_quoted, long))] if long else []
    return " AND ".join(conditions), values + [f"%{_literal(word)}%" for word in short]


def _close_ones(connection: sqlite3.Connection, user_id: int, wanted: list[str], offset: int, limit: int) -> Found:
    """Return items in which each word is there but for one wrong letter, best first. Short ones must be there whole."""
    grams = [_grams(word) for word in wanted if len(word) > _GRAM]
    short = [word.casefold() for word in wanted if len(word) <= _GRAM]
    if not grams:
        return Found((), 0, close=True)
    match = " OR ".join(_quoted(gram) for gram in sorted(set().union(*grams)))
    found = connection.execute(
        f"SELECT i.id, s.words {_OWN} AND s.words MATCH ? ORDER BY rank LIMIT ?", (user_id, match, _MOST_CLOSE)
    ).fetchall()
    texts = {row["id"]: row["words"].casefold() for row in found}
    shares = {item: _closeness(text, grams) for item, text in texts.items() if all(word in text for word in short)}
    best = sorted((item for item, share in shares.items() if share), key=lambda item: (-shares[item], -item))
    return Found(_items(connection, best[offset : offset + limit]), len(best), close=True)


def _closeness(text: str, words: list[set[str]]) -> float:
    """Return the share of trigrams that a text has; 0 when one of the words differs by more than a letter."""
    present = [sum(gram in text for gram in grams) for grams in words]
    if any(found < max(len(grams) - _SPOILT, 1) for found, grams in zip(present, words, strict=True)):
        return 0.0
    return sum(present) / sum(map(len, words))


def _grams(word: str) -> set[str]:
    word = word.casefold()
    return {word[at : at + _GRAM] for at in range(len(word) - _GRAM + 1)}


def _quoted(word: str) -> str:
    """Return a word as FTS5 takes it to the letter."""
    return '"' + word.replace('"', '""') + '"'


def _literal(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _items(connection: sqlite3.Connection, ids: list[int]) -> tuple[ItemRecord, ...]:
    return tuple(rows.item(connection, item_id) for item_id in ids)


def latest(connection: sqlite3.Connection, user_id: int, limit: int) -> list[ItemRecord]:
    """Return a user's latest items."""
    query = "SELECT id FROM items WHERE chat_id = ? ORDER BY id DESC LIMIT ?"
    return list(_items(connection, [row["id"] for row in connection.execute(query, (user_id, limit)).fetchall()]))


def item(connection: sqlite3.Connection, item_id: int) -> ItemRecord | None:
    """Return an item."""
    there = connection.execute("SELECT 1 FROM items WHERE id = ?", (item_id,)).fetchone()
    return rows.item(connection, item_id) if there else None


def keep(connection: sqlite3.Connection, user_id: int, words: str) -> int:
    """Keep what a user looks for; the oldest go."""
    number = connection.execute("INSERT INTO searches (user_id, words) VALUES (?, ?)", (user_id, words)).lastrowid
    assert number is not None, "it was inserted"
    connection.execute("DELETE FROM searches WHERE id <= ?", (number - _KEPT,))
    return number


def kept(connection: sqlite3.Connection, user_id: int, search_id: int) -> str | None:
    """Return what a user looked for."""
    row = connection.execute("SELECT words FROM searches WHERE id = ? AND user_id = ?", (search_id, user_id)).fetchone()
    return row["words"] if row else None
