"""/status, /quota, /mode and /db_maint."""

from conversations.talk import Talk


async def test_how_things_are(talk: Talk) -> None:
    await talk.small_file("a file")
    status = await talk.hears("/status")
    assert "1 files, 4.9 KB, from 1 messages" in status
    assert "taking messages in by long polling" in status
    assert "no limit is set or known" in await talk.hears("/quota")
    mode = await talk.hears("/mode", talk.bob)
    assert "Files up to 20.0 MB come through the Bot API, 8 at a time." in mode
    assert "The largest that I take has 4.00 GB." in mode


async def test_the_database_is_looked_after_for_admins(talk: Talk) -> None:
    await talk.small_file("a file")
    said = await talk.hears("/db_maint")
    assert said.startswith("🧹 The database is whole and written anew")
    assert "Before: " in said
    assert "After: " in said
    assert await talk.hears("/db_maint", talk.bob) == "That is for the admins of this archive."
    await talk.small_file("another file")
