"""/cancel asks where something is lost, /retry brings it back; by command and by button, one's own alone."""

import re

from conversations.talk import Talk


async def test_cancel_and_retry_by_buttons(talk: Talk) -> None:
    reply = await talk.large_file("film")
    assert re.search(r"▰▱* \d+ % · \d+\.\d MB/s · \d+ s left", reply.text or "") or "▰" in (reply.text or "")
    assert talk.labels(reply) == ["🔎", "🔁", "🛑"]
    talk.press(reply, "🛑")
    question = await talk.latest("Job ")
    assert "would have to be fetched once more. Stop it?" in (question.text or "")
    talk.press(question, "🛑 Yes")
    await talk.becomes(question, "🛑 Job ")
    await talk.becomes(reply, "🛑 Cancelled")
    assert talk.labels(reply) == ["🔎", "🔁"]
    talk.at_full_speed()
    talk.press(reply, "🔁")
    await talk.becomes(reply, "✅ Archived")
    assert talk.labels(reply) == []


async def test_anothers_job_is_unknown_whatever_is_tried(talk: Talk) -> None:
    reply = await talk.large_file("ada's")
    found = re.search(r"/cancel (\w+)", reply.text or "")
    assert found is not None
    for command in ("jobs", "cancel", "retry"):
        said = await talk.hears(f"/{command} {found[1]}", talk.bob)
        assert said.startswith(f"You have no job {found[1]}")
        assert await talk.hears(f"/{command} {found[1]} all", talk.bob) == "That is for the admins of this archive."
    assert "can't be tried again: it is on its way" in await talk.hears(f"/retry {found[1]}")
    assert "Send /cancel and the job's id" in await talk.hears("/cancel")
    talk.at_full_speed()
    await talk.becomes(reply, "✅ Archived")
    assert "has ended already" in await talk.hears(f"/cancel {found[1]}")


async def test_a_forged_press_and_one_from_another_chat_do_nothing(talk: Talk) -> None:
    reply = await talk.large_file("ada's")
    data = talk.data(reply, "🛑")
    bobs = await talk.asks("/language", talk.bob)
    queries = [talk.forge(talk.bob, bobs, forged) for forged in (data, "cancel all", "x" * 64)]
    await talk.stage.until(
        lambda: all("not one of mine" in (talk.shown(query) or "") for query in queries), what="three refusals"
    )
    assert "▰" in (reply.text or "")
    talk.at_full_speed()
    await talk.becomes(reply, "✅ Archived")
    assert talk.stage.log().count("a press of no button of ours") == 3
