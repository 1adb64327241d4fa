"""What a reply of ours shows at this moment: its words and buttons, in the language of its chat."""

from collections.abc import Mapping
from dataclasses import dataclass

from teltubby_bot import burst_texts, texts
from teltubby_bot.catalogue import say, speaking
from teltubby_bot.languages import Languages
from teltubby_bot.transfers import Transfers
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.records import ItemRecord, ItemState, MessageRecord, Reply
from teltubby_core.domain.speech import Button, Buttons
from teltubby_core.ports import ArchiveIndex

_MOST_ROWS = 5  # of buttons: one a job
_MOST_PROBLEMS = 1000


@dataclass(frozen=True)
class Content:
    """What is to be shown, and the records that it is about, as of ``version``."""

    text: str
    buttons: Buttons
    version: int
    records: tuple[MessageRecord, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing will follow."""
        return all(record.complete for record in self.records)


class Composer:
    """Puts replies into words."""

    def __init__(
        self, index: ArchiveIndex, transfers: Transfers, languages: Languages, *, jobs_wait_for: str | None
    ) -> None:
        """``jobs_wait_for`` says why no worker can take jobs, None when one can."""
        self._index = index
        self._transfers = transfers
        self._languages = languages
        self._jobs_wait_for = jobs_wait_for
        self._problems: dict[int, str] = {}

    def problem(self, record_id: int, text: str | None) -> bool:
        """Note why message.json of a record can't be written, or (None) that it is; tell whether that is new."""
        if text is None:
            return self._problems.pop(record_id, None) is not None
        if self._problems.get(record_id) == text or len(self._problems) >= _MOST_PROBLEMS:
            return False
        self._problems[record_id] = text
        return True

    async def content(self, reply: Reply) -> Content:
        """Read and word what a reply follows."""
        if not reply.living:
            return Content(reply.text or "", reply.buttons, 0)
        if reply.burst:
            records = tuple(await self._index.burst(reply.id))
        else:
            assert reply.message is not None, "or it would be a burst"
            records = (await self._index.message(reply.message),)
        for item in (item for record in records if record.complete for item in record.items):
            self._transfers.forget(item.job_id or "")
        ahead = await self._ahead(records)
        with speaking(self._languages.of(reply.chat_id)):
            text = self._text(reply, records, ahead)
            buttons = _buttons(records)
        return Content(text, buttons, sum(record.version for record in records), records)

    def _text(self, reply: Reply, records: tuple[MessageRecord, ...], ahead: Mapping[str, int]) -> str:
        problem = next((self._problems[record.id] for record in records if record.id in self._problems), None)
        live = texts.Live(self._transfers.current, ahead, self._jobs_wait_for, problem)
        return burst_texts.shared_reply(records, live) if reply.burst else texts.living_reply(records[0], live)

    async def _ahead(self, records: tuple[MessageRecord, ...]) -> dict[str, int]:
        """Return how many jobs come before each that waits in the queue."""
        waiting = [item.job_id for record in records for item in record.items if item.job_id and _waits(item)]
        return await self._index.jobs_ahead(waiting[: texts.LISTED]) if waiting else {}


def _waits(item: ItemRecord) -> bool:
    return item.state is ItemState.QUEUED and item.job_state is JobState.PENDING and not item.follows


def _buttons(records: tuple[MessageRecord, ...]) -> Buttons:
    jobs = [item for record in records for item in record.items if item.job_id and _manageable(item)]
    return tuple(_row(item, alone=len(jobs) == 1) for item in jobs[:_MOST_ROWS])


def _manageable(item: ItemRecord) -> bool:
    return item.state in {ItemState.QUEUED, ItemState.FAILED, ItemState.CANCELLED}


def _row(item: ItemRecord, *, alone: bool) -> tuple[Button, ...]:
    """Return the buttons of a job: what it is about, another try, an end to it."""
    job_id = item.job_id or ""
    name = "" if alone else texts.short_id(job_id)
    row = [
        Button(say("button-details", job=name).strip(), f"jobs {job_id}"),
        Button(say("button-retry", job=name).strip(), f"retry {job_id}"),
    ]
    if item.state is ItemState.QUEUED:
        row.append(Button(say("button-cancel", job=name).strip(), f"cancel {job_id}"))
    return tuple(row)
