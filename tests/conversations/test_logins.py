"""/mtstatus, /mtcode and /mtpass of a bot whose workers log in by themselves."""

from conversations.talk import Talk


async def test_the_logins_are_shown_to_admins(talk: Talk) -> None:
    reply = await talk.large_file("film")
    status = await talk.hears("/mtstatus")
    assert status.startswith("🔑 Sessions for large files, the bot's own: 1 ready")
    assert "used by" in status
    for command in ("/mtcode", "/mtpass", "/mtstatus"):
        assert await talk.hears(command, talk.bob) == "That is for the admins of this archive."
    assert "nothing is to be done" in await talk.hears("/mtcode qr")
    typed = talk.world.send(talk.ada, talk.bot, text="/mtpass secret")
    await talk.stage.until(
        lambda: talk.stage.answers()[-1].reply_to_message_id is None, what="an answer to what is gone"
    )
    assert "nothing is to be done" in (talk.stage.answers()[-1].text or "")
    assert talk.world.message(talk.bot.id, talk.ada.id, typed.id) is None, "a password stays in no chat"
    talk.at_full_speed()
    await talk.becomes(reply, "✅ Archived")
