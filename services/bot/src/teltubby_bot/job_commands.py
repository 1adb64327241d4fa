"""The commands about single jobs: how far each is, an end to it, another try. Everyone manages their own jobs."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from teltubby_bot import job_texts
from teltubby_bot.access import Access, Command, explained, user_of
from teltubby_bot.catalogue import say
from teltubby_bot.catalogue.recorded import reason
from teltubby_bot.job_buttons import details_of, managing
from teltubby_bot.presses import Questions
from teltubby_bot.queue_answers import AwayError, answered
from teltubby_bot.quota import Room
from teltubby_bot.twins import known_and_there
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import JobRecord
from teltubby_core.domain.speech import Answer, Button
from teltubby_core.errors import TeltubbyError, UserError
from teltubby_core.ports import ArchiveIndex, Control, DeadLetters, JobQueue, ObjectStore

log = logging.getLogger(__name__)

_LISTED = 15
_TRAIL = 50
_LEAST_PREFIX = 4
_NAMED = re.compile(r"(?P<id>[0-9a-z-]{1,64})(?P<all> all)?(?P<yes> yes(?: (?P<word>[0-9a-z]{1,16}))?)?")
_ENOUGH = 13  # characters of an id that no two jobs share
_SAME_BEGINNING = 5


@dataclass(frozen=True)
class Desk:
    """What the commands about jobs work with.

    ``progress`` returns how far each job is. ``changed`` is called when the index has changed.
    """

    index: ArchiveIndex
    store: ObjectStore
    queue: JobQueue
    control: Control
    dead_letters: DeadLetters
    room: Room
    access: Access
    questions: Questions
    progress: Callable[[], job_texts.Progress]
    changed: Callable[[], None]


@dataclass(frozen=True)
class _Asked:
    """The job that a command is about; whether it may be anybody's, and whether its end was agreed to, by what word."""

    job: JobRecord
    everybodys: bool
    sure: bool
    word: str | None


class JobCommands:
    """Answers the commands. What is wrong with one is its answer; only the database's trouble gets through."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def by_name(self) -> dict[str, Command]:
        """Return each command's function by its name without the slash."""
        commands: dict[str, Command] = {"jobs": self._jobs, "cancel": self._cancel, "retry": self._retry}
        return {name: explained(command) for name, command in commands.items()}

    async def _jobs(self, message: IncomingMessage) -> Answer:
        if not _words(message):
            jobs = await self._desk.index.jobs(user_of(message), _LISTED, ended=True)
            return Answer(job_texts.recent(jobs, self._desk.progress()), details_of(jobs))
        asked = await self._one(message, say("jobs-form"))
        trail = await self._desk.index.job_trail(asked.job.id, _TRAIL)
        text = job_texts.details(asked.job, trail, self._desk.progress(), everybodys=asked.everybodys)
        return Answer(text, managing(asked.job, everybodys=asked.everybodys))

    async def _cancel(self, message: IncomingMessage) -> str | Answer:
        asked = await self._one(message, say("cancel-form"), yes=True)
        job, user = asked.job, user_of(message)
        what = f"cancel {job.id}"
        if asked.word and not self._desk.questions.agreed(user, what, asked.word):
            return Answer(say("question-over"), in_place=True)
        if not asked.sure and (done := self._under_way(job)):
            word = self._desk.questions.ask(user, what)
            short = job.id[:_ENOUGH] + (" all" if asked.everybodys else "")
            yes = Button(say("button-cancel-yes"), f"cancel {short} yes {word}")
            return Answer(job_texts.cancel_asked(job, done), ((yes,),))
        said = await self._cancel_now(job, user)
        return Answer(said, in_place=bool(asked.word))

    def _under_way(self, job: JobRecord) -> int:
        """Return the bytes of a running job that would have to be fetched once more."""
        transfer = self._desk.progress().get(job.id)
        return transfer.done if transfer and job.state is JobState.PROCESSING else 0

    async def _cancel_now(self, job: JobRecord, user: int) -> str:
        order = await self._desk.index.cancel(job.id, user)
        if order is None:
            return job_texts.not_cancelled(await self._again(job))
        name, trace = job.message.correlation_id, _trace(job)
        log.info("%s: job %s cancelled by user %d", name, job.id, user, extra=trace)
        self._desk.changed()
        try:
            await answered(self._desk.control.cancel(order))
        except AwayError as error:  # it is repeated when its worker reports
            log.warning("job %s: workers can't be told to stop: %s", job.id, error)
            return job_texts.cancelled(job, unheard=True)
        return job_texts.cancelled(job, unheard=False)

    async def _retry(self, message: IncomingMessage) -> str:
        job = (await self._one(message, say("retry-form"))).job
        if job.state not in {JobState.FAILED, JobState.CANCELLED}:
            return job_texts.not_retried(job)
        known = await self._known(job)
        if not known and (full := await self._desk.room.refusal(job.size_bytes)):
            return job_texts.no_room(job, full)
        if not await self._desk.index.retry(job.id, user_of(message)):
            return job_texts.not_retried(await self._again(job))
        name, trace = job.message.correlation_id, _trace(job)
        log.info("%s: job %s retried by user %d", name, job.id, user_of(message), extra=trace)
        self._desk.changed()
        return job_texts.retried(await self._again(job))

    async def _known(self, job: JobRecord) -> bool:
        """Whether the file is archived by now; an index that is wrong about it is put right."""
        unique_id = job.item.media.file_unique_id
        try:
            return await known_and_there(self._desk.store, self._desk.index, unique_id) is not None
        except TeltubbyError as error:
            raise UserError(say("archive-away", error=reason(str(error)))) from error

    async def _one(self, message: IncomingMessage, form: str, *, yes: bool = False) -> _Asked:
        """Return the job that a command names by the beginning of its id: ID [all] and, with ``yes``, [yes [WORD]]."""
        words = _words(message)
        found = _NAMED.fullmatch(" ".join(words))
        if found is None or (found["yes"] and not yes):
            raise UserError(form)
        everybodys = found["all"] is not None
        if everybodys:
            self._desk.access.check_admin(message)
        job = await self._named(found["id"], user_of(message), everybodys=everybodys)
        return _Asked(job, everybodys, sure=found["yes"] is not None, word=found["word"])

    async def _named(self, word: str, user: int, *, everybodys: bool) -> JobRecord:
        if len(word) < _LEAST_PREFIX:
            raise UserError(job_texts.short_prefix(_LEAST_PREFIX))
        found = await self._desk.index.find_jobs(word, None if everybodys else user, _SAME_BEGINNING)
        if len(found) > 1 and found[0].id != word:
            raise UserError(job_texts.ambiguous(word, found))
        if found:
            return found[0]
        if await self._desk.index.find_jobs(word, None, 1):
            self._desk.access.refused(user)
        raise UserError(job_texts.unknown_job(word))

    async def _again(self, job: JobRecord) -> JobRecord:
        return (await self._desk.index.find_jobs(job.id, job.message.user_id, 1))[0]


def _words(message: IncomingMessage) -> list[str]:
    return [word.lower() for word in (message.text or "").split()[1:]]


def _trace(job: JobRecord) -> dict[str, str]:
    return {"correlation_id": job.message.correlation_id, "job_id": job.id}
