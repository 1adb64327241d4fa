"""/queue, its pages and buttons; /jobs and what is under it."""

from conversations.talk import Talk
from integration.harness import MIB


async def test_the_queue_in_pages_and_a_job_in_full(talk: Talk) -> None:
    running = await talk.large_file("first")
    for number in range(9):
        talk.world.send(talk.ada, talk.bot, media=talk.stage.document(f"more {number}", 21 * MIB))
    await talk.stage.until(
        lambda: "before it" in "".join(a.text or "" for a in talk.stage.answers()), what="a position"
    )
    queue = await talk.asks("/queue")
    assert (queue.text or "").startswith("📥 Your open jobs: 9 pending · 1 processing")
    assert "Page 1 of 2" in (queue.text or "")
    talk.press(queue, "▶")
    await talk.stage.until(lambda: "Page 2 of 2" in (queue.text or ""), what="the second page, in place")
    talk.press(queue, "◀")
    await talk.stage.until(lambda: "Page 1 of 2" in (queue.text or ""), what="the first page again")
    talk.press(running, "🔎")
    details = await talk.latest("📋 Job ")
    assert "Attempt 1 of 9" in (details.text or "")
    talk.at_full_speed()


async def test_everybodys_queue_is_for_admins(talk: Talk) -> None:
    await talk.large_file("bob's", talk.bob)
    assert (await talk.hears("/queue")).startswith("📥 Your open jobs: none")
    everybodys = await talk.asks("/queue all")
    assert (everybodys.text or "").startswith("📥 Open jobs: 1 processing")
    talk.press(everybodys, "🔎")
    details = await talk.latest("📋 Job ")
    assert "Key:" not in (details.text or "")
    assert await talk.hears("/queue all", talk.bob) == "That is for the admins of this archive."
    assert "Send /queue for your open jobs" in await talk.hears("/queue everything")
    talk.at_full_speed()
