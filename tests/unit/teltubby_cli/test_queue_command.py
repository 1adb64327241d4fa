"""Dead letters on the command line: listed, tried again, thrown away."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from teltubby_cli.__main__ import main
from teltubby_cli.bootstrap_tools import Carrier
from teltubby_cli.queue_command import carrier_here, purge, replay, show
from teltubby_core.domain.jobs import JobMessage, JobReplayed
from teltubby_core.errors import BrokerUnavailableError, ConfigurationError
from teltubby_core.ports import DeadLetter, QueueDepth
from teltubby_core.testing import MemoryDeadLetters, MemoryEvents, MemoryJobQueue, SteppedClock, sample_job
from unit.teltubby_cli.doctor_bench import VARIABLES

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
JUNK = DeadLetter("can't be read: it is no JSON", None, AT)


def letter(job_id: str, **changes: object) -> DeadLetter:
    return DeadLetter("the message was deleted", sample_job(job_id).model_copy(update=changes), AT)


class Place:
    """A carrier that keeps what lies in it from one opening to the next."""

    def __init__(self, *letters: DeadLetter) -> None:
        self.dead = MemoryDeadLetters(*letters)
        self.events = MemoryEvents()
        self.opened = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Carrier]:
        self.opened += 1
        yield Carrier(_Counted(self.dead), self.dead, self.events)

    @property
    def left(self) -> list[JobMessage | None]:
        return [letter.job for letter in self.dead.letters]

    async def replayed(self) -> list[tuple[str, int]]:
        found = []
        while delivery := await self.events.next(0):
            assert isinstance(delivery.event, JobReplayed)
            found.append((delivery.event.job_id, delivery.event.generation))
            await self.events.ack(delivery)
        return found


class _Counted(MemoryJobQueue):
    def __init__(self, dead: MemoryDeadLetters) -> None:
        super().__init__(SteppedClock(0))
        self._dead = dead

    async def depth(self) -> QueueDepth:
        return QueueDepth(ready=0, unacknowledged=None, dead=len(self._dead.letters))


def replayed(place: Place) -> list[tuple[str, int]]:
    """What the bot is told."""
    return asyncio.run(place.replayed())


# dead


def test_letters_are_listed_with_what_tells_them_apart(capsys: pytest.CaptureFixture[str]):
    assert show(Place(letter("job-1"), JUNK), limit=10, as_json=False) == 0
    first, second, count = capsys.readouterr().out.splitlines()
    assert first == "job-1  2026-03-01 12:30:00  user 42  holiday.mp4  67,108,864 B  the message was deleted"
    assert second == "no readable job  2026-03-01 12:30:00  can't be read: it is no JSON"
    assert count == "2 dead letters"


def test_captions_are_not_listed(capsys: pytest.CaptureFixture[str]):
    place = Place(letter("job-1"))
    (job,) = place.left
    assert job is not None
    secret = job.model_copy(update={"telegram_context": job.telegram_context.model_copy(update={"caption": "private"})})
    place.dead.letters[:] = [DeadLetter("no", secret, AT)]
    show(place, limit=10, as_json=False)
    show(place, limit=10, as_json=True)
    assert "private" not in capsys.readouterr().out


def test_the_limit_is_told_when_it_cuts(capsys: pytest.CaptureFixture[str]):
    show(Place(letter("job-1"), letter("job-2"), letter("job-3")), limit=2, as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "3 dead letters, 2 of them shown (--limit)"


def test_names_do_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]):
    file = sample_job().file_info.model_copy(update={"file_name": "a\x1b[2Jb\nc", "file_size": None})
    show(Place(letter("job-1", file_info=file)), limit=10, as_json=False)
    line = capsys.readouterr().out.splitlines()[0]
    assert "a�[2Jb�c  ? B" in line


def test_json_has_every_field(capsys: pytest.CaptureFixture[str]):
    show(Place(letter("job-1"), JUNK), limit=10, as_json=True)
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "job_id": "job-1",
        "user_id": 42,
        "file_name": "holiday.mp4",
        "file_type": "video",
        "size_bytes": 64 * 1024 * 1024,
        "reason": "the message was deleted",
        "at": "2026-03-01T12:30:00+00:00",
    }
    assert second["job_id"] is None


# replay


def test_all_jobs_go_to_the_bot_and_what_is_none_stays_and_is_named(capsys: pytest.CaptureFixture[str]):
    place = Place(letter("job-1", generation=3), JUNK, letter("job-2"))
    assert replay(place, None) == 0
    assert replayed(place) == [("job-1", 3), ("job-2", 0)]
    assert place.left == [None]
    out = capsys.readouterr().out
    assert "stays: no readable job" in out
    assert "2 of the jobs go to the bot" in out


def test_of_named_jobs_the_others_stay():
    place = Place(letter("job-1"), JUNK, letter("job-2"))
    assert replay(place, ["job-2"]) == 0
    assert replayed(place) == [("job-2", 0)]
    assert [job and job.job_id for job in place.left] == ["job-1", None]


def test_a_job_that_is_not_there_is_named_and_the_others_are_tried(capsys: pytest.CaptureFixture[str]):
    place = Place(letter("job-1"))
    assert replay(place, ["job-1", "job-9"]) == 1
    assert replayed(place) == [("job-1", 0)]
    assert "no dead letter of job job-9" in capsys.readouterr().err


def test_a_letter_stays_when_the_bot_can_not_be_told():
    place = Place(letter("job-1"))
    place.events.fail_with = BrokerUnavailableError("away")
    with pytest.raises(BrokerUnavailableError):
        replay(place, None)
    assert len(place.left) == 1


# purge


class Terminal(io.StringIO):
    """A person who answers."""

    def isatty(self) -> bool:
        return True


def test_purging_asks_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    place = Place(letter("job-1"), JUNK)
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    assert purge(place, yes=False) == 0
    assert len(place.left) == 2
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert purge(place, yes=False) == 0
    assert place.left == []
    out = capsys.readouterr().out
    assert "Remove 2 dead letters for good?" in out
    assert "nothing was removed" in out
    assert "2 dead letters removed" in out


def test_purging_without_anybody_to_ask_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    place = Place(letter("job-1"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert purge(place, yes=False) == 2
    assert (len(place.left), place.opened) == (1, 0)
    assert "--yes" in capsys.readouterr().err


def test_yes_needs_nobody(capsys: pytest.CaptureFixture[str]):
    place = Place(letter("job-1"))
    assert purge(place, yes=True) == 0
    assert place.left == []
    assert capsys.readouterr().out == "1 dead letter removed\n"


# which queue


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("nothing_set")
def test_without_a_database_nothing_is_made(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="SQLITE_PATH: there is no database"):
        carrier_here()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("nothing_set")
def test_wrong_settings_of_the_broker_are_status_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("RABBITMQ_HOST", "rabbitmq")
    monkeypatch.setenv("RABBITMQ_PORT", "many")
    assert main(["queue", "dead"]) == 2
    assert "RABBITMQ_PORT" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["replay"], ["replay", "job", "--all"], ["dead", "--limit", "0"], []])
def test_wrong_arguments_are_status_2(arguments: list[str]):
    with pytest.raises(SystemExit) as end:
        main(["queue", *arguments])
    assert end.value.code == 2
