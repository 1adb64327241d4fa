"""Files are found again by any part of a word, in any script, with a typo; everyone finds their own."""

import sqlite3
from pathlib import Path

import pytest

from support import CURATOR, OTHER_CURATOR, a_file, a_message
from teltubby_core.adapters.sqlite import migrations
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.media import ForwardOrigin

CAPTIONS = {
    1: "Geburtstag bei Oma in Köln",
    2: "第二次世界大戦の写真、東京",
    3: "Sunset over 100% blue_water",
    4: "invoice March",
    5: 'said "hello" AND left',
}


@pytest.fixture
async def index(either_database: Database) -> SqliteIndex:
    index = SqliteIndex(either_database)
    for number, caption in CAPTIONS.items():
        await index.admit(number, a_message(number, caption=caption), AlbumWindow(), 0.0)
    origin = ForwardOrigin(type="channel", title="Astronomy Daily", username="astrodaily")
    await index.admit(
        6,
        a_message(6, a_file("nebula").model_copy(update={"original_filename": "Orion_Nebula.fits"}), origin=origin),
        AlbumWindow(),
        0.0,
    )
    await index.admit(7, a_message(7, chat=OTHER_CURATOR, caption="Geburtstag, not yours"), AlbumWindow(), 0.0)
    return index


async def _found(index: SqliteIndex, words: str, user: int = CURATOR) -> list[int]:
    return [item.incoming.message_id for item in (await index.find(user, words, 0, 10)).items]


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        ("geburtstag", [1]),
        ("BURTS", [1]),
        ("oma köln", [1]),
        ("oma berlin", []),
        ("東京", [2]),
        ("世界大戦", [2]),
        ("写", [2]),
        ("100%", [3]),
        ("e_w", [3]),
        ("0% blue", [3]),
        ("%", [3]),
        ("_", [6, 3]),
        ('"hello"', [5]),
        ("AND left", [5]),
        ("astrodaily", [6]),
        ("astronomy", [6]),
        ("nebula.fits", [6]),
        ("2025-03-01", [6, 5, 4, 3, 2, 1]),
        ("01.03.2025 march", [4]),
        ("nothing like it", []),
        ("", []),
        ("   ", []),
    ],
)
async def test_by_any_part_of_a_word(index: SqliteIndex, words: str, messages: list[int]) -> None:
    assert await _found(index, words) == messages


@pytest.mark.parametrize("words", ["Gebutstag", "Geburtstga", "gebxrtstag oma", "invoise", "astronmoy"])
async def test_with_a_typo_what_comes_close_is_found_and_called_that(index: SqliteIndex, words: str) -> None:
    found = await index.find(CURATOR, words, 0, 10)
    assert found.close
    assert found.total >= 1
    assert found.items[0].incoming.message_id in {1, 4, 6}


async def test_pages(index: SqliteIndex) -> None:
    first = await index.find(CURATOR, "2025", 0, 4)
    second = await index.find(CURATOR, "2025", 4, 4)
    assert (first.total, second.total) == (6, 6)
    assert [item.incoming.message_id for item in first.items + second.items] == [6, 5, 4, 3, 2, 1]


async def test_a_caption_that_an_edit_brought_is_found_beside_the_first(index: SqliteIndex) -> None:
    edited = a_message(4, caption="Rechnung April").model_copy(update={"edited": True})
    await index.edit(20, edited)
    assert await _found(index, "rechnung") == [4]
    assert await _found(index, "march") == [4]


async def test_what_was_there_before_the_search_is_found_after_the_migration(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    steps = migrations._STEPS
    with sqlite3.connect(path) as connection:
        for statement in (each for step in steps[:4] for each in migrations._statements(step)):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 4")
        connection.execute(
            "INSERT INTO messages (id, chat_id, message_id, slug, first_at) VALUES (1, ?, 9, 'ada', 0)", (CURATOR,)
        )
        message = a_message(9, caption="old holiday")
        connection.execute(
            "INSERT INTO items (message, update_id, chat_id, message_id, file_unique_id, incoming)"
            " VALUES (1, 1, ?, 9, 'u', ?)",
            (CURATOR, message.model_dump_json()),
        )
        connection.execute("INSERT INTO captions VALUES (?, 9, 5, 2, 'and a newer caption', '[]')", (CURATOR,))
    connection.close()
    database = Database(path)
    await database.open()
    try:
        index = SqliteIndex(database)
        assert await _found(index, "holiday") == [9]
        assert await _found(index, "newer") == [9]
    finally:
        await database.close()


async def test_the_latest_are_ones_own(index: SqliteIndex) -> None:
    assert [item.incoming.message_id for item in await index.latest(CURATOR, 3)] == [6, 5, 4]
    assert [item.incoming.message_id for item in await index.latest(OTHER_CURATOR, 3)] == [7]


async def test_a_search_is_kept_for_whose_it_is_and_only_the_latest_are(index: SqliteIndex) -> None:
    number = await index.keep_search(CURATOR, "oma köln")
    assert await index.kept_search(CURATOR, number) == "oma köln"
    assert await index.kept_search(OTHER_CURATOR, number) is None
    for _ in range(1000):
        await index.keep_search(CURATOR, "x")
    assert await index.kept_search(CURATOR, number) is None
    assert await index.item(10**6) is None
