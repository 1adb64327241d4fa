"""The commands about jobs: what waits, how far it is, cancel and retry. Everyone sees and manages their own jobs."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from teltubby_bot import job_texts
from teltubby_bot.quota import Room
from teltubby_bot.twins import known_and_there
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.records import JobRecord
from teltubby_core.errors import TeltubbyError, UserError
from teltubby_core.ports import ArchiveIndex, Control, DeadLetter, DeadLetters, JobQueue, ObjectStore

log = logging.getLogger(__name__)

T = TypeVar("T")

Answer = Callable[[IncomingMessage], Awaitable[str]]


_LISTED = 15
_TRAIL = 50
_LEAST_PREFIX = 4
_ID = re.compile(r"[0-9a-z-]{1,64}")
_SAME_BEGINNING = 5
_BROKER_SECONDS = 5.0  # for an answer of the queue: commands are read one by one
_PURGE_SECONDS = 20.0


@dataclass(frozen=True)
class Desk:
    """What the commands about jobs work with.

    ``progress`` returns bytes done and in all by job_id. ``changed`` is called when the index has changed;
    ``refused`` is told who asked for what they may not have.
    """

    index: ArchiveIndex
    store: ObjectStore
    queue: JobQueue
    control: Control
    dead_letters: DeadLetters
    room: Room
    admins: frozenset[int]
    progress: Callable[[], job_texts.Progress]
    changed: Callable[[], None]
    refused: Callable[[int], None]


class JobCommands:
    """Answers the commands. What is wrong with one is its answer; only the database's trouble gets through."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def by_name(self) -> dict[str, Answer]:
        """Return each command's function by its name without the slash."""
        commands = {
            "queue": self._queue,
            "jobs": self._jobs,
            "cancel": self._cancel,
            "retry": self._retry,
            "purge": self._purge,
        }
        return {name: _explained(command) for name, command in commands.items()}

    async def _queue(self, message: IncomingMessage) -> str:
        words = _words(message)
        if words not in ([], ["all"]):
            raise UserError(job_texts.QUEUE_FORM)
        if words:
            self._check_admin(message)
        whose = None if words else _user(message)
        jobs = await self._desk.index.jobs(whose, _LISTED, ended=False)
        counts = await self._desk.index.open_jobs(whose)
        try:
            carrier = job_texts.carrier(await _answered(self._desk.queue.depth()))
        except _AwayError as error:
            carrier = job_texts.broker_away(str(error))
        return job_texts.queue(jobs, counts, carrier, everybodys=whose is None, progress=self._desk.progress())

    async def _jobs(self, message: IncomingMessage) -> str:
        words = _words(message)
        if not words:
            jobs = await self._desk.index.jobs(_user(message), _LISTED, ended=True)
            return job_texts.recent(jobs, self._desk.progress())
        job = await self._one(message, job_texts.JOBS_FORM)
        return job_texts.details(job, await self._desk.index.job_trail(job.id, _TRAIL), self._desk.progress())

    async def _cancel(self, message: IncomingMessage) -> str:
        job = await self._one(message, job_texts.CANCEL_FORM)
        order = await self._desk.index.cancel(job.id, _user(message))
        if order is None:
            return job_texts.not_cancelled(await self._again(job))
        name, trace = job.message.correlation_id, _trace(job)
        log.info("%s: job %s cancelled by user %d", name, job.id, _user(message), extra=trace)
        self._desk.changed()
        try:
            await _answered(self._desk.control.cancel(order))
        except _AwayError as error:  # it is repeated when its worker reports
            log.warning("job %s: workers can't be told to stop: %s", job.id, error)
            return job_texts.cancelled(job, unheard=True)
        return job_texts.cancelled(job, unheard=False)

    async def _retry(self, message: IncomingMessage) -> str:
        job = await self._one(message, job_texts.RETRY_FORM)
        if job.state not in {JobState.FAILED, JobState.CANCELLED}:
            return job_texts.not_retried(job)
        known = await self._known(job)
        if not known and (full := await self._desk.room.refusal(job.size_bytes)):
            return job_texts.no_room(job, full)
        if not await self._desk.index.retry(job.id, _user(message)):
            return job_texts.not_retried(await self._again(job))
        name, trace = job.message.correlation_id, _trace(job)
        log.info("%s: job %s retried by user %d", name, job.id, _user(message), extra=trace)
        self._desk.changed()
        return job_texts.retried(await self._again(job))

    async def _known(self, job: JobRecord) -> bool:
        """Whether the file is archived by now; an index that is wrong about it is put right."""
        unique_id = job.item.media.file_unique_id
        try:
            return await known_and_there(self._desk.store, self._desk.index, unique_id) is not None
        except TeltubbyError as error:
            raise UserError(f"⚠️ The archive can't be looked at: {error}. Try again later.") from error

    async def _purge(self, message: IncomingMessage) -> str:
        words = _words(message)
        self._check_admin(message)
        if words not in ([], ["yes"]):
            raise UserError(job_texts.PURGE_FORM)
        if not words:
            try:
                return job_texts.purge_asked((await _answered(self._desk.queue.depth())).dead)
            except _AwayError as error:
                return job_texts.broker_away(str(error))
        return await self._purge_all(_user(message))

    async def _purge_all(self, user: int) -> str:
        removed = 0

        async def accept(_: DeadLetter) -> bool:
            nonlocal removed
            removed += 1
            return True

        trouble = None
        try:
            await _answered(self._desk.dead_letters.drain(accept), _PURGE_SECONDS)
        except _AwayError as error:
            trouble = str(error)
        log.info("%d dead letters purged by user %d", removed, user)
        return job_texts.purged(removed, trouble)

    def _check_admin(self, message: IncomingMessage) -> None:
        if _user(message) not in self._desk.admins:
            self._desk.refused(_user(message))
            raise UserError(job_texts.FOR_ADMINS)

    async def _one(self, message: IncomingMessage, form: str) -> JobRecord:
        """Return the user's job that the command names by the beginning of its id."""
        words = _words(message)
        if len(words) != 1 or not _ID.fullmatch(words[0]):
            raise UserError(form)
        word, user = words[0], _user(message)
        if len(word) < _LEAST_PREFIX:
            raise UserError(job_texts.short_prefix(_LEAST_PREFIX))
        found = await self._desk.index.find_jobs(word, user, _SAME_BEGINNING)
        if len(found) > 1 and found[0].id != word:
            raise UserError(job_texts.ambiguous(word, found))
        if found:
            return found[0]
        if await self._desk.index.find_jobs(word, None, 1):
            self._desk.refused(user)
        raise UserError(job_texts.unknown_job(word))

    async def _again(self, job: JobRecord) -> JobRecord:
        return (await self._desk.index.find_jobs(job.id, job.message.user_id, 1))[0]


class _AwayError(TeltubbyError):
    """The queue gave no answer that can be used."""


async def _answered(question: Awaitable[T], seconds: float = _BROKER_SECONDS) -> T:
    """Return the queue's answer. Whatever keeps it from answering must keep nobody's messages from being read."""
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError:
        raise _AwayError(f"no answer within {seconds:g} s") from None
    except TeltubbyError as error:
        raise _AwayError(str(error)) from error


def _explained(command: Answer) -> Answer:
    async def answer(message: IncomingMessage) -> str:
        try:
            return await command(message)
        except UserError as error:
            return str(error)

    return answer


def _words(message: IncomingMessage) -> list[str]:
    return [word.lower() for word in (message.text or "").split()[1:]]


def _trace(job: JobRecord) -> dict[str, str]:
    return {"correlation_id": job.message.correlation_id, "job_id": job.id}


def _user(message: IncomingMessage) -> int:
    return message.sender_id or message.chat_id
