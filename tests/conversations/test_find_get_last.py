"""Finding files again and getting them back."""

from conversations.talk import Talk
from teltubby_simulator.content import sha256_of
from teltubby_simulator.faults import Rule, Step


async def test_a_file_is_found_in_its_words_and_comes_back(talk: Talk) -> None:
    sent = await talk.small_file("Geburtstag bei Oma", name="oma.jpg")
    await talk.small_file("東京の写真")
    found = await talk.asks("/find oma")
    assert (found.text or "").startswith("🔎 One file with “oma”")
    talk.press(found, "📄")
    await talk.stage.until(lambda: any(a.media for a in talk.stage.answers()), what="the file")
    (back,) = [a for a in talk.stage.answers() if a.media]
    assert back.media is not None
    assert sent.media is not None
    assert back.media.file.content == sent.media.file.content
    assert "東京" in await talk.hears("/find 東京")
    assert "one comes close" in await talk.hears("/find Gebutstag")
    assert (await talk.hears("/last")).startswith("🗂 Your latest files")
    assert "None of your files has “oma”" in await talk.hears("/find oma", talk.bob)
    assert "You have not sent me any file yet." in await talk.hears("/last", talk.bob)
    assert "You have no file 1" in await talk.hears("/get 1", talk.bob)
    assert "Send /find and words" in await talk.hears("/find")
    assert "Send /get and the number" in await talk.hears("/get it")


async def test_what_a_user_sent_is_shown_as_it_is_and_never_read_as_markup(talk: Talk) -> None:
    nasty = "<b>bold</b> *stars* [link](http://x) `code` \u202e reversed & co"
    await talk.small_file(nasty, name="<script>.html")
    found = await talk.asks("/find stars")
    assert "<b>bold</b> *stars* [link](http://x)" in (found.text or "")
    assert {entity["type"] for entity in found.entities} <= {"url"}, "addresses are links in every text"


async def test_a_file_that_telegram_has_forgotten_comes_from_the_archive(talk: Talk) -> None:
    sent = await talk.small_file("a paper", name="paper.bin")
    forgotten = Step(code=400, error="wrong file identifier/HTTP URL specified")
    talk.world.faults.add(Rule((forgotten,), "bot_api", "senddocument"))
    talk.world.send(talk.ada, talk.bot, text="/get 1")
    await talk.stage.until(lambda: any(a.media for a in talk.stage.answers()), what="the file")
    (back,) = [a for a in talk.stage.answers() if a.media]
    assert back.media is not None
    assert sent.media is not None
    assert back.media.file.file_name == "paper.bin"
    assert sha256_of(back.media.file.content) == sha256_of(sent.media.file.content)
