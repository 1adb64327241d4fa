"""/language, and that of the user's app."""

from conversations.talk import Talk


async def test_the_apps_language_is_spoken_until_another_is_chosen(talk: Talk) -> None:
    talk.bob.language_code = "de-AT"
    assert "Ich archiviere jedes Byte" in await talk.hears("/start", talk.bob)
    assert "I archive every byte" in await talk.hears("/start")
    question = await talk.asks("/language", talk.bob)
    assert talk.labels(question) == ["English", "Deutsch", "📱 Wie deine App"]
    talk.press(question, "English", talk.bob)
    await talk.becomes(question, "From now on I speak English")
    assert "I archive every byte" in await talk.hears("/start", talk.bob)
    assert "Ab jetzt spreche ich Deutsch" in await talk.hears("/language auto", talk.bob)
    assert "Which language" in await talk.hears("/language klingon")


async def test_what_was_chosen_stays_after_a_restart(talk: Talk) -> None:
    await talk.hears("/language de")
    await talk.stage.stop()
    await talk.stage.start()
    assert "Ich archiviere jedes Byte" in await talk.hears("/start")
