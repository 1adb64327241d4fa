"""Bot and worker killed with SIGKILL right before and after each named step, and at random ones: nothing is lost.

A process that is started after a kill first takes up what the one before left, then what was sent since, and is killed
at its own step; the other services go on meanwhile. At the end ones that are left alone bring everything to its end.
"""

import json
import random
from dataclasses import dataclass, field

import pytest

from distributed import killed_at
from distributed.killed_at import BOT_STEPS, WORKER_STEPS
from distributed.service import Service
from distributed.stage import DistributedStage
from integration.killed_at import ANY
from integration.test_run_killed_at_steps import LARGE, Script, groups, prepare, send, send_one_of_each
from teltubby_simulator.model import Message, User

KILLS = 12
SENT_BETWEEN = 3  # messages between two of them


@dataclass
class Reaper:
    """Starts services that kill themselves, and counts the replies that a kill may cost a second one."""

    stage: DistributedStage
    excused: int = 0
    texts: list[Message] = field(default_factory=list)
    reports: int = 0

    async def kill(self, service: Service, side: str, number: int, step: str) -> str | None:
        """Run it until it is killed; returns at which step, None when all came to its end before."""
        stage = self.stage
        self.reports += 1
        report = stage.folder / f"killed-{self.reports}.json"
        program = "bot" if service.name == "bot" else "worker"
        if service.alive:
            assert await service.stop() == 0
        service.program = (killed_at.__file__, program, str(report), side, str(number), step)
        await service.launch()
        await stage.until(lambda: not service.alive or self.all_done(), what=f"{program} killed {side} {step}")
        usual = stage.service(service.name)  # with its own program again
        status = await usual.stop()  # which may be the step that ends it
        if not report.exists():
            assert status == 0, usual.latest_log
            return None
        assert status == -9, usual.latest_log
        at = json.loads(report.read_text())
        self.excused += at["unrecorded_replies"]
        found: str = at["step"]
        return found

    def all_done(self) -> bool:
        stage = self.stage
        return stage.ended(*stage.cast.sent) and all(map(stage.said_to, self.texts)) and not self._open_work()

    def _open_work(self) -> bool:
        try:
            self.stage.assert_nothing_left()
        except AssertionError:
            return True
        return bool({state for state in self.stage.job_states() if state != "COMPLETED"})

    async def finish(self, curators: list[User]) -> None:
        """Let services that are left alone end everything, and judge."""
        stage = self.stage
        await stage.bring_up(*(each for each in (stage.bot, *stage.workers) if not each.alive))
        await stage.until(self.all_done, what="the end of all work")
        assert await stage.stop() == 0
        stage.assert_archived_once(stage.cast.sent)
        assert set(stage.job_states()) == {"COMPLETED"}
        assert stage.trail("job.failed") == []
        assert stage.broker.count_now("JOB_DEAD_LETTER_QUEUE") == 0
        expected = len(groups(stage.cast.sent)) + len(self.texts)
        answers = sum(len(stage.answers(curator)) for curator in curators)
        assert expected <= answers <= expected + self.excused


@pytest.mark.timeout(300)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_bot_killed_at_each_step_archives_each_message_once(stage: DistributedStage, side: str):
    curators = prepare(stage, len(BOT_STEPS))
    reaper = Reaper(stage)
    await stage.bring_up(*stage.workers)
    for step, curator in zip(BOT_STEPS, curators, strict=True):
        # An answer is only edited when its file takes longer than the moment that first answers are held back.
        stage.world.faults.mtproto.latency = 1.0 if step == "reply edited" else 0.0
        send_one_of_each(stage, curator)
        assert await reaper.kill(stage.bot, side, 1, step) == step
    await reaper.finish(curators)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_worker_killed_at_each_step_archives_each_file_once(stage: DistributedStage, side: str):
    curators = prepare(stage, len(WORKER_STEPS))
    reaper = Reaper(stage)
    await stage.bring_up(stage.bot)
    (worker,) = stage.workers
    for step, curator in zip(WORKER_STEPS, curators, strict=True):
        send(stage, curator, stage.document(f"large {curator.first_name}", LARGE))
        assert await reaper.kill(worker, side, 1, step) == step
    await reaper.finish(curators)


@pytest.mark.timeout(300)
async def test_killed_at_random_moments_bot_and_worker_archive_each_message_once(stage: DistributedStage):
    rng = random.Random(20)
    curators = prepare(stage, 6)
    reaper = Reaper(stage)
    script = Script(stage, curators, rng, reaper.texts)
    met = set()
    for _ in range(KILLS):
        await stage.bring_up(*(each for each in (stage.bot, *stage.workers) if not each.alive))
        script.go_on(SENT_BETWEEN)
        victim = rng.choice([stage.bot, *stage.workers])
        latest = 20 if victim is stage.bot else 5  # a worker has fewer steps
        met.add(await reaper.kill(victim, rng.choice(["before", "after"]), rng.randint(1, latest), ANY))
    assert len(met - {None}) >= 4, "kills at steps of many kinds"
    await reaper.finish(curators)
