"""The commands about the queue as a whole: what waits, what nobody could do, and an end to the dead letters."""

import logging
import re

from teltubby_bot import job_texts
from teltubby_bot.access import Command, explained, user_of
from teltubby_bot.catalogue import say
from teltubby_bot.job_buttons import details_of, retries_of, turning
from teltubby_bot.job_commands import Desk
from teltubby_bot.queue_answers import AwayError, answered
from teltubby_core.domain.media import IncomingMessage
from teltubby_core.domain.speech import Answer, Button
from teltubby_core.errors import UserError
from teltubby_core.ports import DeadLetter

log = logging.getLogger(__name__)

PAGE = 8
"""Jobs on a page."""
_FORM = re.compile(r"(?P<dead>dead)? ?(?P<all>all)? ?(?P<page>[0-9]{1,6})?")
_PURGE_FORM = re.compile(r"(?P<yes>yes)?(?: (?P<word>[0-9a-z]{1,16}))?")
_PURGE_SECONDS = 20.0


class QueueCommands:
    """Answers them. What is wrong with one is its answer; only the database's trouble gets through."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def by_name(self) -> dict[str, Command]:
        """Return each command's function by its name without the slash."""
        commands: dict[str, Command] = {"queue": self._queue, "purge": self._purge}
        return {name: explained(command) for name, command in commands.items()}

    async def _queue(self, message: IncomingMessage) -> Answer:
        asked = _FORM.fullmatch(_said(message))
        if asked is None:
            raise UserError(say("queue-form"))
        if asked["all"]:
            self._desk.access.check_admin(message)
        whose, page = None if asked["all"] else user_of(message), max(int(asked["page"] or 1), 1)
        return await (self._dead if asked["dead"] else self._open)(whose, page)

    async def _open(self, whose: int | None, page: int) -> Answer:
        jobs = await self._desk.index.jobs(whose, PAGE, ended=False, offset=(page - 1) * PAGE)
        counts = await self._desk.index.open_jobs(whose)
        pages = _pages(sum(counts.values()))
        text = job_texts.queue(
            jobs,
            counts,
            await self._carrier(),
            everybodys=whose is None,
            progress=self._desk.progress(),
            page=(page, pages),
        )
        everybodys = whose is None
        turns = turning("queue all" if everybodys else "queue", page, pages)
        return Answer(text, details_of(jobs, everybodys=everybodys) + turns, in_place=True)

    async def _dead(self, whose: int | None, page: int) -> Answer:
        jobs, total = await self._desk.index.failed_jobs(whose, PAGE, (page - 1) * PAGE)
        pages, everybodys = _pages(total), whose is None
        unreadable = await self._unreadable() if everybodys else []
        text = job_texts.dead(jobs, total, unreadable, everybodys=everybodys, page=(page, pages))
        turns = turning("queue dead all" if everybodys else "queue dead", page, pages)
        return Answer(text, retries_of(jobs, everybodys=everybodys) + turns, in_place=True)

    async def _carrier(self) -> str:
        try:
            return job_texts.carrier(await answered(self._desk.queue.depth()))
        except AwayError as error:
            return job_texts.broker_away(str(error))

    async def _unreadable(self) -> list[str]:
        """Return why messages were put aside that are no jobs at all: nobody but admins can see to them."""
        try:
            letters = await answered(self._desk.dead_letters.browse(PAGE))
        except AwayError as error:
            return [str(error)]
        return [letter.reason for letter in letters if letter.job is None]

    async def _purge(self, message: IncomingMessage) -> Answer:
        asked = _PURGE_FORM.fullmatch(_said(message))
        self._desk.access.check_admin(message)
        if asked is None:
            raise UserError(say("purge-form"))
        user, word = user_of(message), asked["word"]
        if not asked["yes"]:
            return await self._purge_asked(user)
        if word and not self._desk.questions.agreed(user, "purge", word):
            return Answer(say("question-over"), in_place=True)
        return Answer(await self._purge_all(user), in_place=True)

    async def _purge_asked(self, user: int) -> Answer:
        try:
            dead = (await answered(self._desk.queue.depth())).dead
        except AwayError as error:
            return Answer(job_texts.broker_away(str(error)))
        if not dead:
            return Answer(job_texts.purge_asked(dead))
        yes = Button(say("button-purge-yes"), f"purge yes {self._desk.questions.ask(user, 'purge')}")
        return Answer(job_texts.purge_asked(dead), ((yes,),))

    async def _purge_all(self, user: int) -> str:
        removed = 0

        async def accept(_: DeadLetter) -> bool:
            nonlocal removed
            removed += 1
            return True

        trouble = None
        try:
            await answered(self._desk.dead_letters.drain(accept), _PURGE_SECONDS)
        except AwayError as error:
            trouble = str(error)
        log.info("%d dead letters purged by user %d", removed, user)
        return job_texts.purged(removed, trouble)


def _pages(total: int) -> int:
    return max(-(-total // PAGE), 1)


def _said(message: IncomingMessage) -> str:
    return " ".join((message.text or "").lower().split()[1:])
