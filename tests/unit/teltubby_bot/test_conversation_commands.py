"""The queue in pages, dead letters, questions before what destroys, finding, maintenance: in plain words."""

import pytest

from support import CURATOR, OTHER_CURATOR
from teltubby_bot import job_texts
from teltubby_bot.catalogue import say
from teltubby_bot.transfers import Transfer
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import Reply
from teltubby_core.ports import DeadLetter
from unit.teltubby_bot.office import ADMIN, FIRST, SECOND, THIRD, Office, completed, failed, started
from unit.teltubby_bot.stage import Stage

MB = 1024 * 1024


@pytest.fixture
async def office(stage: Stage) -> Office:
    return Office(stage)


async def _reply(office: Office) -> Reply:
    return (await office.stage.index.replies(0, 1000))[-1]


async def _labels(office: Office) -> list[str]:
    return [button.label for row in (await _reply(office)).buttons for button in row]


async def _commands(office: Office) -> list[str]:
    return [button.command for row in (await _reply(office)).buttons for button in row]


# /queue


async def test_pages_are_turned_by_buttons(office: Office) -> None:
    for number in range(1, 11):
        await office.job(f"{number:06d}-aaaa", number)
    await office.says("/queue")
    assert (await _commands(office))[-1] == "queue 2"
    assert (await _labels(office))[0] == "🔎 000010"
    await office.says("/queue 2")
    assert await _commands(office) == ["jobs 000002-aaaa", "jobs 000001-aaaa", "queue 1"]


@pytest.mark.parametrize("text", ["/queue x", "/queue all x", "/queue -1", "/queue dead dead"])
async def test_the_right_form_is_shown(office: Office, text: str) -> None:
    assert await office.says(text, ADMIN) == say("queue-form")


async def test_failed_jobs_are_ones_own_and_can_be_tried_again(office: Office) -> None:
    own, others = await office.job(FIRST, 1), await office.job(SECOND, 2, user=ADMIN)
    await office.stage.index.apply(failed(own))
    await office.stage.index.apply(failed(others))
    text = await office.says("/queue dead")
    assert text.splitlines() == [
        "☠️ One of your large files could not be had. 🔁 tries again:",
        "3f2a9c photo 953.7 MB: failed: the message is gone",
    ]
    assert await _commands(office) == [f"retry {FIRST}"]
    await office.says(f"/retry {FIRST}")
    assert await office.state(FIRST) is JobState.PENDING
    assert await office.says("/queue dead") == "Nothing has failed."


async def test_admins_see_everybodys_failed_jobs_and_what_is_no_job(office: Office) -> None:
    others = await office.job(FIRST, 1)
    await office.stage.index.apply(failed(others))
    office.letters.letters.append(DeadLetter("not JSON", None))
    text = await office.says("/queue dead all", ADMIN)
    assert text.splitlines()[0] == "☠️ One large file could not be had. 🔁 tries again:"
    assert text.splitlines()[-1] == "⚠️ beside them, no job at all: not JSON"
    assert await _commands(office) == [f"retry {FIRST} all"]
    assert await office.says("/queue dead all") == say("for-admins")
    assert "queued again" in await office.says(f"/retry {FIRST} all", ADMIN)


# another user's job


@pytest.mark.parametrize("command", ["jobs", "cancel", "retry"])
async def test_anothers_job_is_unknown_and_noticed(office: Office, command: str) -> None:
    await office.job(FIRST, 1, user=ADMIN)
    assert await office.says(f"/{command} {FIRST}") == job_texts.unknown_job(FIRST)
    assert office.refused == [CURATOR]
    assert await office.says(f"/{command} {FIRST} all") == say("for-admins")
    assert office.refused == [CURATOR, CURATOR]
    assert await office.state(FIRST) is JobState.PENDING


async def test_an_admin_manages_anothers_job_but_sees_no_key(office: Office) -> None:
    job = await office.job(FIRST, 1)
    text = await office.says(f"/jobs {FIRST} all", ADMIN)
    assert "3f2a9c" in text
    assert job.key not in text
    assert job.key in await office.says(f"/jobs {FIRST}")
    assert "is cancelled" in await office.says(f"/cancel {FIRST} all", ADMIN)


# /cancel asks


async def _under_way(office: Office) -> None:
    job = await office.job(FIRST, 1)
    await office.stage.index.apply(started(job))
    office.progress[FIRST] = Transfer(30 * MB, 100 * MB)


async def test_a_job_under_way_is_cancelled_after_a_yes(office: Office) -> None:
    await _under_way(office)
    assert (await office.says(f"/cancel {FIRST}")).startswith("Job 3f2a9c is being fetched: 30.0 MB are here already")
    assert await office.state() is JobState.PROCESSING
    (yes,) = await _commands(office)
    assert "is cancelled" in await office.says(f"/{yes}")
    assert await office.state() is JobState.CANCELLED
    await office.says(f"/retry {FIRST}")
    assert "asked a while ago" in await office.says(f"/{yes}"), "replayed"
    assert await office.state() is JobState.PENDING


async def test_somebody_elses_yes_counts_for_nothing(office: Office) -> None:
    await _under_way(office)
    await office.says(f"/cancel {FIRST}")
    (yes,) = await _commands(office)
    word = yes.rpartition(" ")[2]
    assert "asked a while ago" in await office.says(f"/cancel {FIRST} all yes {word}", ADMIN)
    assert await office.state() is JobState.PROCESSING


async def test_a_yes_that_comes_late_is_asked_again(office: Office) -> None:
    await _under_way(office)
    await office.says(f"/cancel {FIRST}")
    (yes,) = await _commands(office)
    office.now += 301
    assert "asked a while ago" in await office.says(f"/{yes}")
    assert await office.state() is JobState.PROCESSING


async def test_a_waiting_job_and_one_that_is_agreed_to_are_cancelled_at_once(office: Office) -> None:
    await office.job(FIRST, 1)
    running = await office.job(SECOND, 2)
    await office.stage.index.apply(started(running))
    office.progress[SECOND] = Transfer(1, 100)
    assert "is cancelled" in await office.says(f"/cancel {FIRST}")
    assert "is cancelled" in await office.says(f"/cancel {SECOND} yes")


async def test_what_can_be_done_about_a_job_is_under_its_details(office: Office) -> None:
    job, gone, done = await office.job(FIRST, 1), await office.job(SECOND, 2), await office.job(THIRD, 3)
    await office.stage.index.apply(failed(gone))
    await office.stage.index.apply(completed(done))
    await office.says(f"/jobs {job.job_id}")
    assert await _commands(office) == [f"jobs {FIRST}", f"cancel {FIRST}"]
    await office.says(f"/jobs {gone.job_id}")
    assert await _commands(office) == [f"retry {SECOND}"]
    await office.says(f"/jobs {done.job_id}")
    assert await _commands(office) == []


# /purge


async def test_purge_by_its_button_works_once(office: Office) -> None:
    await office.job()
    delivery = await office.queue.fetch(1)
    assert delivery is not None
    await office.queue.dead_letter(delivery, "gone")
    office.letters.letters.append(DeadLetter("gone", None))
    await office.says("/purge", ADMIN)
    (yes,) = await _commands(office)
    assert "1 dead letter removed" in await office.says(f"/{yes}", ADMIN)
    office.letters.letters.append(DeadLetter("another", None))
    assert "asked a while ago" in await office.says(f"/{yes}", ADMIN)
    assert len(office.letters.letters) == 1


# /find, /last, /get


async def test_files_are_found_and_come_back_by_their_number(office: Office) -> None:
    item = await office.stage.item(5, caption="Holiday in Köln")
    text = await office.says("/find holiday")
    assert text.splitlines()[0] == "🔎 One file with “holiday”, newest first"
    assert f"{item.id} · 2025-03-01 · photo · 1000 B · on its way · Holiday in Köln" in text
    assert await _commands(office) == [f"get {item.id}"]
    await office.says(f"/get {item.id}")
    assert (await _reply(office)).file == item.id
    assert "Holiday" in await office.says("/last")


async def test_anothers_file_is_neither_found_nor_sent(office: Office) -> None:
    item = await office.stage.item(5, caption="Holiday", chat=OTHER_CURATOR)
    assert "None of your files" in await office.says("/find holiday")
    assert await office.says("/last") == "You have not sent me any file yet."
    assert (
        await office.says(f"/get {item.id}")
        == f"You have no file {item.id}. /find and /last show the numbers of yours."
    )
    assert office.refused == [CURATOR]


async def test_further_pages_of_a_search_are_for_whose_it_is(office: Office) -> None:
    for number in range(1, 11):
        await office.stage.item(number, caption="cat")
    text = await office.says("/find cat")
    assert text.splitlines()[-1] == "Page 1 of 2"
    further = (await _commands(office))[-1]
    assert (await office.says(f"/{further}")).splitlines()[-1] == "Page 2 of 2"
    assert "That search was a while ago" in await office.says(f"/{further}", OTHER_CURATOR)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/find", "Send /find and words"),
        ("/find " + "x" * 201, "Send /find and words"),
        ("/last 3", "Send /last for your latest"),
        ("/get", "Send /get and the number"),
        ("/get one", "Send /get and the number"),
        ("/get 999", "You have no file 999"),
        ("/find Gebutstag", "None of your files has “Gebutstag”"),
    ],
)
async def test_wrong_forms_show_the_right_one(office: Office, text: str, answer: str) -> None:
    assert answer in await office.says(text)


async def test_with_a_typo_it_is_said_that_it_only_comes_close(office: Office) -> None:
    await office.stage.item(5, caption="Geburtstag")
    assert (await office.says("/find Gebutstag")).startswith("🔎 No file with “Gebutstag”, but one comes close")


# /db_maint


async def test_maintenance_is_for_admins_and_tells_before_and_after(office: Office) -> None:
    assert await office.says("/db_maint") == say("for-admins")
    lines = (await office.says("/db_maint", ADMIN)).splitlines()
    assert lines[0].startswith("🧹 The database is whole and written anew, in ")
    assert lines[1].startswith("Before: ")
    assert lines[2].startswith("After: ")
