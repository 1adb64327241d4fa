"""A job that the queue has lost is published again; one that is only slow is left alone."""

from dataclasses import replace
from typing import Any

import pytest

from support import CURATOR, DATE
from teltubby_bot.jobs import JobPublisher
from teltubby_bot.reconciler import MAX_REPUBLISHED, Patience, Reconciler
from teltubby_core.domain.jobs import (
    JobCompleted,
    JobEvent,
    JobMessage,
    JobProgress,
    JobRetrying,
    JobStarted,
    JobState,
    Priority,
)
from teltubby_core.domain.records import Queued
from teltubby_core.errors import BrokerUnavailableError, ErrorCategory, TransientError
from teltubby_core.ports import QueueDepth
from teltubby_core.testing import sample_job
from unit.teltubby_bot.stage import Stage

PATIENCE = Patience(pending=60, processing=90, retrying=60, look=15, reports=30)


class Carrier:
    """A queue that keeps what it is told to, and tells how much waits in it."""

    def __init__(self) -> None:
        self.ready = 0
        self.published: list[JobMessage] = []
        self.fail_with: Exception | None = None

    async def publish(self, job: JobMessage) -> None:
        self.published.append(job)

    async def depth(self) -> QueueDepth:
        if self.fail_with:
            raise self.fail_with
        return QueueDepth(self.ready, None, 0)


class Post:
    """A reconciler on the stage, with the publisher and the reports that it listens to."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.queue: Any = Carrier()
        self.start()

    def start(self) -> None:
        """Begin as after a start of the bot."""
        self.reconciler = Reconciler(
            self.stage.index,
            self.queue,
            alert=lambda kind, text: self.stage.note("alert", kind, text),
            on_change=lambda: self.stage.note("change"),
            patience=PATIENCE,
            now=self.stage.clock.now,
        )
        self.publisher = JobPublisher(self.stage.index, self.queue, on_published=self.reconciler.published)

    async def job(self, message_id: int = 7, priority: Priority = Priority.NORMAL) -> JobMessage:
        """Make a job and publish it."""
        item = await self.stage.item(message_id)
        job = sample_job(f"job-{message_id}", message_id=message_id, priority=priority)
        await self.stage.index.settle(item.id, Queued(job))
        await self.publisher.step()
        return job

    async def hear(self, event: JobEvent) -> None:
        """Let a report come in."""
        self.reconciler.heard(event)
        await self.stage.index.apply(event)
        self.reconciler.listened()

    async def after(self, seconds: float) -> list[str]:
        """Let time pass, looking every 15 s as the bot does; return the jobs that were published again."""
        before = len(self.queue.published)
        while seconds > 0:
            step = min(seconds, PATIENCE.look)
            self.stage.clock.advance(step)
            seconds -= step
            self.reconciler.listened()
            assert await self.reconciler.step() == PATIENCE.look
        await self.publisher.step()
        return [job.job_id for job in self.queue.published[before:]]


@pytest.fixture
async def post(stage: Stage) -> Post:
    return Post(stage)


def _started(job: JobMessage) -> JobStarted:
    return JobStarted(job_id=job.job_id, generation=job.generation, at=DATE, worker="w", attempt=1)


def _progress(job: JobMessage) -> JobProgress:
    return JobProgress(job_id=job.job_id, generation=job.generation, at=DATE, done_bytes=1, total_bytes=None)


def _retrying(job: JobMessage, delay: float) -> JobRetrying:
    return JobRetrying(
        job_id=job.job_id,
        at=DATE,
        error="net",
        category=ErrorCategory.TRANSIENT,
        retry_count=1,
        delay_seconds=delay,
    )


async def test_a_job_that_waits_while_nothing_waits_in_the_queue_is_lost_after_a_minute(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    job = await post.job()
    assert await post.after(59) == []
    assert await post.after(1) == ["job-7"]
    assert ("change",) in post.stage.calls, "the publisher is woken"
    assert f"{job.correlation_id}: job job-7 is published again: silent for 60 s while nothing waits" in caplog.text
    kinds = [entry.kind for entry in await post.stage.index.job_trail("job-7", 9)]
    assert kinds == ["job.created", "job.published", "job.republished", "job.published"]


async def test_published_again_it_gets_its_minute_again(post: Post) -> None:
    await post.job()
    assert await post.after(60) == ["job-7"]
    assert await post.after(59) == []
    assert await post.after(1) == ["job-7"]


async def test_while_something_waits_in_the_queue_it_may_be_that(post: Post) -> None:
    await post.job()
    post.queue.ready = 1
    assert await post.after(10_000) == []


async def test_a_job_whose_worker_reports_is_not_lost_however_long_it_takes(post: Post) -> None:
    job = await post.job()
    await post.hear(_started(job))
    for _ in range(40):
        assert await post.after(15) == []
        await post.hear(_progress(job))
    assert await post.after(89) == []
    assert await post.after(1) == ["job-7"]
    found = await post.stage.index.job_item("job-7")
    assert found is not None
    assert found.job_state is JobState.PENDING


async def test_one_that_retries_may_be_silent_for_its_delay(post: Post) -> None:
    job = await post.job()
    await post.hear(_started(job))
    await post.hear(_retrying(job, 300))
    assert await post.after(359) == []
    assert await post.after(1) == ["job-7"]


async def test_a_delay_that_began_before_the_start_is_known_after_it(post: Post) -> None:
    job = await post.job()
    await post.hear(_retrying(job, 300))
    post.start()
    await post.reconciler.step()
    assert await post.after(359) == []
    assert await post.after(1) == ["job-7"]


async def test_at_the_start_everything_was_just_heard_of(post: Post) -> None:
    await post.job()
    await post.after(50)
    post.start()
    assert await post.after(60) == [], "the first look was 15 s after the start"
    assert await post.after(15) == ["job-7"]


# Overtaken


async def test_a_job_that_a_later_one_has_overtaken_is_lost(post: Post) -> None:
    await post.job(1)
    post.stage.clock.advance(1)
    later = await post.job(2)
    post.queue.ready = 5
    await post.hear(_started(later))
    assert await post.after(58) == []
    assert await post.after(2) == ["job-1"]


async def test_one_that_an_earlier_one_or_one_of_another_priority_overtakes_is_not(post: Post) -> None:
    earlier = await post.job(1)
    post.stage.clock.advance(1)
    await post.job(2)
    post.stage.clock.advance(1)
    urgent = await post.job(3, Priority.URGENT)
    post.queue.ready = 5
    await post.hear(_started(earlier))
    await post.hear(_started(urgent))
    for _ in range(20):
        assert await post.after(15) == []
        await post.hear(_progress(earlier))
        await post.hear(_progress(urgent))


async def test_what_was_started_before_it_was_heard_of_last_proves_nothing(post: Post) -> None:
    job = await post.job(1)
    post.stage.clock.advance(1)
    later = await post.job(2)
    post.queue.ready = 5
    await post.hear(_started(later))
    await post.hear(_started(job))
    await post.hear(JobCompleted(job_id="job-2", at=DATE, key=later.key, sha256="ab" * 32, size_bytes=1))
    assert await post.after(500) == []


async def test_a_running_job_that_falls_silent_while_later_ones_start_is_lost(post: Post) -> None:
    job = await post.job(1)
    await post.hear(_started(job))
    post.stage.clock.advance(1)
    later = await post.job(2)
    post.queue.ready = 5
    await post.hear(_started(later))
    assert await post.after(75) == []
    assert await post.after(15) == ["job-1"]


async def test_one_that_waits_for_its_time_is_overtaken_only_by_what_was_queued_after_that(post: Post) -> None:
    job = await post.job(1)
    await post.hear(_retrying(job, 100))
    post.stage.clock.advance(50)
    soon = await post.job(2)
    post.queue.ready = 5
    await post.hear(_started(soon))
    assert await post.after(300) == []
    late = await post.job(3)
    await post.hear(_started(late))
    assert "job-1" in await post.after(15)


# When nothing is concluded


@pytest.mark.parametrize("error", [BrokerUnavailableError("refused"), TransientError("closed")])
async def test_while_the_queue_cannot_be_read_nothing_is_concluded_and_afterwards_all_begins_anew(
    post: Post, error: Exception
) -> None:
    await post.job()
    post.queue.fail_with = error
    assert await post.after(1000) == []
    post.queue.fail_with = None
    assert await post.after(60) == [], "from the first look on"
    assert await post.after(15) == ["job-7"]


async def test_while_reports_cannot_be_read_silence_means_nothing(post: Post) -> None:
    await post.job()
    for _ in range(100):
        post.stage.clock.advance(15)
        await post.reconciler.step()
    assert await post.stage.index.unpublished_jobs(9) == []
    assert await post.after(60) == []
    assert await post.after(15) == ["job-7"]


async def test_followers_unpublished_and_ended_jobs_are_none_of_the_queues(post: Post) -> None:
    await post.job(1)
    await post.stage.index.cancel("job-1", CURATOR)
    await post.stage.queued(2)  # not published
    for _ in range(100):
        post.stage.clock.advance(15)
        post.reconciler.listened()
        await post.reconciler.step()
    kinds = [entry.kind for entry in await post.stage.index.job_trail("job-2", 9)]
    assert kinds == ["job.created"]
    assert [job.job_id for job in await post.stage.index.unpublished_jobs(9)] == ["job-2"]


async def test_a_report_about_something_unknown_is_left_alone(post: Post) -> None:
    post.reconciler.heard(_started(sample_job("nothing")))
    assert await post.after(100) == []


# The end


async def test_a_job_that_is_lost_again_and_again_is_given_up_and_admins_hear_of_it(post: Post) -> None:
    await post.job()
    for _ in range(MAX_REPUBLISHED):
        assert await post.after(60) == ["job-7"]
    assert await post.after(60) == []
    found = await post.stage.index.job_item("job-7")
    assert found is not None
    assert found.job_state is JobState.FAILED
    assert str(found.skipped_reason).startswith("the queue has lost it 10 times, the last time silent for 60 s")
    (alert,) = [call for call in post.stage.calls if call[0] == "alert"]
    assert alert[1] == "lost job"
    assert "it was published 11 times" in alert[2]


async def test_what_is_known_of_jobs_is_forgotten_with_them(post: Post) -> None:
    for number in range(1, 6):
        await post.job(number)
        await post.stage.index.cancel(f"job-{number}", CURATOR)
    await post.after(15)
    assert post.reconciler._jobs == {}


def test_each_state_has_its_patience() -> None:
    patience = replace(Patience(), pending=1, processing=2, retrying=3)
    assert [patience.of(state) for state in (JobState.PENDING, JobState.PROCESSING, JobState.RETRYING)] == [1, 2, 3]
    assert Patience().processing == 90, "six missed heartbeats"
