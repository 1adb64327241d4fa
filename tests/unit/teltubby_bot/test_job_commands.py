"""Everyone sees and manages their own jobs, by commands in plain words; what is wrong with one is its answer."""

import asyncio
from typing import Any

import pytest

from support import CURATOR, DATE, OTHER_CURATOR
from teltubby_bot import job_texts
from teltubby_bot.catalogue import say
from teltubby_bot.transfers import Transfer
from teltubby_core.domain.jobs import JobRetrying, JobState
from teltubby_core.errors import BrokerUnavailableError, ErrorCategory
from teltubby_core.ports import DeadLetter
from teltubby_core.testing import sample_job
from unit.teltubby_bot.office import ADMIN, FIRST, SECOND, THIRD, Office, completed, failed, started
from unit.teltubby_bot.stage import Stage


@pytest.fixture
async def office(stage: Stage) -> Office:
    return Office(stage)


# /queue


async def test_the_queue_shows_ones_own_open_jobs(office: Office) -> None:
    running = await office.job(FIRST, 1)
    await office.job(SECOND, 2)
    done = await office.job(THIRD, 3)
    await office.job("99999999-dddd", 4, user=OTHER_CURATOR)
    await office.stage.index.apply(started(running))
    await office.stage.index.apply(completed(done))
    office.progress[FIRST] = Transfer(5 * 10**8, 10**9)
    assert (await office.says("/queue")).splitlines() == [
        "📥 Your open jobs: 1 pending · 1 processing",
        "3f2b00 photo 953.7 MB: waits for a worker",
        "3f2a9c photo 953.7 MB: ▰▰▰▰▰▱▱▱▱▱ 50 %",
        "Queue: 4 waiting, 0 with workers · dead letters: 0",
    ]


async def test_an_empty_queue_is_said_to_be_that(office: Office) -> None:
    assert (await office.says("/queue")).startswith("📥 Your open jobs: none\n")


async def test_admins_may_see_everybodys(office: Office) -> None:
    await office.job(FIRST, 1)
    await office.job(SECOND, 2, user=ADMIN)
    text = await office.says("/queue all", ADMIN)
    assert text.startswith("📥 Open jobs: 2 pending\n")
    assert "3f2a9c" in text
    assert await office.says("/queue all") == say("for-admins")
    assert office.refused == [CURATOR]


async def test_a_long_queue_comes_in_pages(office: Office) -> None:
    for number in range(1, 19):
        await office.job(f"{number:06d}-aaaa", number)
    lines = (await office.says("/queue")).splitlines()
    assert lines[0].endswith("18 pending")
    assert [line[:6] for line in lines[1:9]] == [f"{number:06d}" for number in range(18, 10, -1)], "the newest first"
    assert lines[-2] == "Page 1 of 3"
    lines = (await office.says("/queue 3")).splitlines()
    assert [line[:6] for line in lines[1:3]] == ["000002", "000001"]
    assert lines[-2] == "Page 3 of 3"


async def test_while_the_broker_is_away_the_jobs_are_shown_all_the_same(office: Office) -> None:
    await office.job()
    office.queue.fail_with = BrokerUnavailableError("connection refused")
    text = await office.says("/queue")
    assert "3f2a9c" in text
    assert text.endswith("⚠️ The queue does not answer: connection refused")


async def test_a_broker_that_never_answers_holds_nobodys_messages_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teltubby_bot.queue_answers._SECONDS", 0.01)

    async def never() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(office.queue, "depth", never)
    assert "The queue does not answer: no answer within" in await office.says("/queue")


# /jobs


async def test_jobs_lists_the_latest_whatever_became_of_them(office: Office) -> None:
    assert await office.says("/jobs") == say("jobs-none")
    first = await office.job(FIRST, 1)
    second = await office.job(SECOND, 2)
    third = await office.job(THIRD, 3)
    await office.job("44444444-dddd", 4)
    await office.stage.index.apply(completed(first))
    await office.stage.index.apply(failed(second))
    await office.stage.index.cancel(third.job_id, CURATOR)
    assert (await office.says("/jobs")).splitlines() == [
        "📋 Your latest jobs",
        "444444 photo 953.7 MB: waits for a worker",
        "777777 photo 953.7 MB: cancelled",
        "3f2b00 photo 953.7 MB: failed: the message is gone",
        "3f2a9c photo 953.7 MB: archived",
    ]


async def test_all_about_a_running_job(office: Office) -> None:
    job = await office.job()
    await office.stage.index.apply(
        JobRetrying(
            job_id=FIRST,
            at=DATE,
            error="the connection closed",
            category=ErrorCategory.TRANSIENT,
            retry_count=1,
            delay_seconds=15,
        )
    )
    await office.stage.index.apply(started(job))
    office.progress[FIRST] = Transfer(10**8, 10**9)
    text = await office.says("/jobs 3f2a9c")
    for part in (
        f"📋 Job {FIRST}",
        "photo 953.7 MB: ▰▱▱▱▱▱▱▱▱▱ 10 %",
        "95.4 MB of 953.7 MB fetched",
        "Attempt 2 of 9, by worker-3",
        "Last error: the connection closed",
        f"Key: {job.key}",
        "From message 7\nMade 20",
        "again in 15 s: the connection closed",
        "started by worker-3, attempt 2",
    ):
        assert part in text
    assert text.endswith("/cancel 3f2a9c")


async def test_all_about_one_that_ended(office: Office) -> None:
    job = await office.job()
    await office.stage.index.apply(failed(job))
    text = await office.says("/jobs 3f2a")
    assert "failed: the message is gone" in text
    assert text.endswith("/retry 3f2a9c")
    await office.says("/retry 3f2a")
    assert "to be tried again, says user 42" in await office.says("/jobs 3f2a")
    await office.stage.index.apply(completed(job))
    text = await office.says("/jobs 3f2a")
    assert text.endswith("stored, 953.7 MB")


async def test_of_anothers_first_copy_no_key_is_shown(office: Office) -> None:
    theirs = await office.stage.stored(3, chat=OTHER_CURATOR)
    await office.job(FIRST, 7)
    await office.stage.index.apply(completed(sample_job(FIRST)).model_copy(update={"sha256": theirs.sha256}))
    text = await office.says("/jobs 3f2a9c")
    assert text.splitlines()[1].endswith("already archived")
    assert str(theirs.key) not in text


def test_every_step_of_the_trail_has_words() -> None:
    from teltubby_core.adapters.sqlite import trail
    from teltubby_core.domain import jobs

    own = {value for name, value in vars(trail).items() if name.isupper() and isinstance(value, str)}
    reports = {
        kind.model_fields["kind"].default
        for kind in (jobs.JobStarted, jobs.JobRetrying, jobs.JobCompleted, jobs.JobFailed, jobs.JobCancelled)
    }
    assert set(job_texts._STEPS) == own | reports


# Which job is meant


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/cancel", say("cancel-form")),
        ("/cancel 3f2a9c and more", say("cancel-form")),
        ("/cancel ../../etc", say("cancel-form")),
        ("/cancel %%%%", say("cancel-form")),
        ("/cancel " + "a" * 1000, say("cancel-form")),
        ("/retry", say("retry-form")),
        ("/retry 💾", say("retry-form")),
        ("/jobs 3f2a9c 3f2b00", say("jobs-form")),
        ("/queue everything", say("queue-form")),
        ("/cancel 3f2", "Give at least the first 4 characters of the job's id. /jobs lists your latest jobs."),
        ("/cancel 0000", "You have no job 0000. /jobs lists your latest jobs."),
    ],
)
async def test_a_wrong_argument_shows_the_right_form(office: Office, text: str, answer: str) -> None:
    await office.job()
    assert await office.says(text) == answer
    assert await office.state() is JobState.PENDING
    assert office.refused == []


async def test_a_beginning_that_fits_several_says_so(office: Office) -> None:
    await office.job("3f2a9c1d-aaaa", 1)
    await office.job("3f2a9c1e-bbbb", 2)
    text = await office.says("/cancel 3F2A9C")
    assert text == ("3f2a9c fits several of your jobs: 3f2a9c1d-aaaa, 3f2a9c1e-bbbb. Give more of the id.")
    assert (await office.says("/cancel 3f2a9c1e")).startswith("🛑 Job 3f2a9c is cancelled")
    assert await office.state("3f2a9c1d-aaaa") is JobState.PENDING


async def test_a_whole_id_is_meant_even_if_another_begins_with_it(office: Office) -> None:
    await office.job("job-1", 1)
    await office.job("job-11", 2)
    assert (await office.says("/cancel job-1")).startswith("🛑 Job job-1 is cancelled")


@pytest.mark.parametrize("command", ["/jobs", "/cancel", "/retry"])
@pytest.mark.parametrize("user", [CURATOR, ADMIN])
async def test_anothers_job_is_answered_as_unknown_and_counted(office: Office, command: str, user: int) -> None:
    await office.job(user=CURATOR if user == ADMIN else OTHER_CURATOR)
    assert await office.says(f"{command} 3f2a9c", user) == "You have no job 3f2a9c. /jobs lists your latest jobs."
    assert office.refused == [user]
    assert await office.state() is JobState.PENDING


async def test_anothers_job_that_begins_alike_is_no_obstacle(office: Office) -> None:
    await office.job("3f2a9c1d-aaaa", 1)
    await office.job("3f2a9c1d-bbbb", 2, user=OTHER_CURATOR)
    assert (await office.says("/cancel 3f2a9c")).startswith("🛑")


# /purge


async def test_purge_asks_first(office: Office) -> None:
    assert await office.says("/purge", ADMIN) == "There are no dead letters to remove."
    job = await office.job()
    delivery = await office.queue.fetch(1)
    assert delivery is not None
    await office.queue.dead_letter(delivery, "x")
    office.letters.letters.append(DeadLetter("x", job))
    assert (await office.says("/purge", ADMIN)).startswith(
        "There is 1 dead letter: jobs that nobody could do. /purge yes"
    )
    assert len(office.letters.letters) == 1


async def test_purge_yes_removes_them_and_says_how_many(office: Office) -> None:
    office.letters.letters = [DeadLetter("x", sample_job()), DeadLetter("not json", None)]
    assert await office.says("/purge yes", ADMIN) == "🗑 2 dead letters removed."
    assert office.letters.letters == []


async def test_purge_is_for_admins(office: Office) -> None:
    office.letters.letters = [DeadLetter("x", None)]
    for text in ("/purge", "/purge yes"):
        assert await office.says(text) == say("for-admins")
    assert len(office.letters.letters) == 1
    assert office.refused == [CURATOR] * 2


async def test_purge_of_anything_else_shows_the_form(office: Office) -> None:
    assert await office.says("/purge everything", ADMIN) == say("purge-form")


async def test_with_the_broker_away_purge_says_so(office: Office) -> None:
    office.queue.fail_with = office.letters.fail_with = BrokerUnavailableError("connection refused")
    office.letters.letters = [DeadLetter("x", None)]
    assert await office.says("/purge", ADMIN) == "⚠️ The queue does not answer: connection refused"
    assert await office.says("/purge yes", ADMIN) == (
        "🗑 0 dead letters removed. Then the queue said: connection refused"
    )
