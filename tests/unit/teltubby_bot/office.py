"""The commands about jobs behind the real intake, and jobs to give them for."""

import json
from typing import Any

from support import CURATOR, DATE, OTHER_CURATOR, a_file
from teltubby_bot.access import Access
from teltubby_bot.botapi import parse_update
from teltubby_bot.finding_commands import FindingCommands
from teltubby_bot.intake import Intake
from teltubby_bot.job_commands import Desk, JobCommands
from teltubby_bot.maintenance_command import MaintenanceCommand
from teltubby_bot.presses import Questions
from teltubby_bot.queue_commands import QueueCommands
from teltubby_bot.transfers import Transfer
from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.domain.jobs import JobCompleted, JobFailed, JobMessage, JobStarted, JobState
from teltubby_core.domain.records import Queued
from teltubby_core.errors import DatabaseUnavailableError, ErrorCategory
from teltubby_core.ports import RawUpdate
from teltubby_core.testing import MemoryDeadLetters, MemoryJobQueue, sample_job
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import WINDOW, Stage
from unit.teltubby_bot.wire import a_command, an_update

FIRST, SECOND, THIRD = "3f2a9c1d-aaaa", "3f2b0000-bbbb", "77777777-cccc"
ADMIN = OTHER_CURATOR


class Office:
    """The commands behind the real intake."""

    def __init__(self, stage: Stage, room_limit: int | None = None) -> None:
        self.stage = stage
        self.queue = MemoryJobQueue(stage.clock)
        self.control: Any = LocalControl()
        self.letters = MemoryDeadLetters()
        self.refused: list[int] = []
        self.progress: dict[str, Transfer] = {}
        self.index: Any = Failing(stage.index, DatabaseUnavailableError("locked"))
        self.now = 0.0
        desk = Desk(
            index=self.index,
            store=stage.store,
            queue=self.queue,
            control=self.control,
            dead_letters=self.letters,
            room=stage.room(room_limit),
            access=Access(frozenset({ADMIN}), self.refused.append),
            questions=Questions(lambda: self.now),
            progress=lambda: self.progress,
            changed=lambda: stage.note("changed"),
        )
        commands = JobCommands(desk).by_name() | QueueCommands(desk).by_name()
        commands |= FindingCommands(self.index, self.refused.append).by_name()
        commands |= MaintenanceCommand(self.index, desk.access).by_name()
        self.intake = Intake(
            stage.inbox,
            stage.index,
            stage.clock,
            parse=parse_update,
            whitelist=frozenset({CURATOR, OTHER_CURATOR}),
            commands=commands,
            window=WINDOW,
            presses=stage.presses(),
            languages=stage.languages,
            on_admitted=lambda: None,
        )
        self._updates = 9000

    async def says(self, text: str, user: int = CURATOR) -> str:
        """Send a command; return its answer."""
        self._updates += 1
        command = a_command(self._updates, text, self._updates)
        update = an_update(
            self._updates, self._updates, sender=user, text=text, entities=command["message"]["entities"]
        )
        await self.stage.inbox.store([RawUpdate(self._updates, json.dumps(update))])
        await self.intake.step()
        answers = {reply.reply_to: reply.text for reply in await self.stage.index.replies(0, 1000)}
        answer = answers.get(self._updates)
        assert answer is not None, "every command is answered"
        return answer

    async def job(
        self, job_id: str = FIRST, message_id: int = 7, *, user: int = CURATOR, size: int | None = 10**9, file: str = ""
    ) -> JobMessage:
        """Make a job that the queue has."""
        item = await self.stage.item(message_id, a_file(file or f"m{message_id}", size=size), chat=user)
        job = sample_job(job_id, message_id=message_id).model_copy(update={"user_id": user, "chat_id": user})
        await self.stage.index.settle(item.id, Queued(job))
        await self.queue.publish(job)
        await self.stage.index.job_published(job)
        return job

    async def state(self, job_id: str = FIRST) -> JobState | None:
        found = await self.stage.index.job_item(job_id)
        assert found is not None
        return found.job_state


def started(job: JobMessage) -> JobStarted:
    """Return the report that a worker took the job up."""
    return JobStarted(job_id=job.job_id, generation=job.generation, at=DATE, worker="worker-3", attempt=2)


def failed(job: JobMessage, error: str = "the message is gone") -> JobFailed:
    """Return the report that it ended without one."""
    return JobFailed(
        job_id=job.job_id, generation=job.generation, at=DATE, error=error, category=ErrorCategory.PERMANENT
    )


def completed(job: JobMessage) -> JobCompleted:
    """Return the report that its object is there."""
    return JobCompleted(job_id=job.job_id, at=DATE, key=job.key, sha256="ab" * 32, size_bytes=10**9)
