"""Dead letters: seen, tried again, removed after a yes."""

from conversations.talk import Talk
from integration.harness import MIB


async def _dead_letter(talk: Talk) -> None:
    sent = talk.world.send(talk.ada, talk.bot, media=talk.stage.document("gone", 21 * MIB))
    talk.world.delete(sent)
    await talk.stage.until(lambda: "failed" in "".join(a.text or "" for a in talk.stage.answers()), what="the failure")


async def test_dead_letters_are_listed_and_purged_once(talk: Talk) -> None:
    await _dead_letter(talk)
    await talk.latest("☠️ Job ")
    dead = await talk.asks("/queue dead")
    assert (dead.text or "").startswith("☠️ One of your large files could not be had")
    talk.press(dead, "🔁")
    await talk.latest("🔁 Job ")
    await talk.stage.until(lambda: talk.stage.log().count("job.failed") >= 2, what="the second failure")
    question = await talk.asks("/purge")
    assert (question.text or "").startswith("There")
    data = talk.data(question, "🗑")
    talk.press(question, "🗑")
    await talk.becomes(question, "🗑 ")
    assert await talk.hears("/purge") == "There are no dead letters to remove."
    assert await talk.hears("/purge", talk.bob) == "That is for the admins of this archive."
    replayed = talk.forge(talk.ada, question, data)
    await talk.becomes(question, "⌛ That question")
    assert talk.shown(replayed) == ""
