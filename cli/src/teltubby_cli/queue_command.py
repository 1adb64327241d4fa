"""``teltubby queue``: the dead letters, to be looked at, tried again or thrown away.

Trying again is the bot's: it is told by an event that waits for it, raises the job's generation and publishes it anew.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, TypeVar

from teltubby_cli.bootstrap_tools import Carrier, rabbit_carrier, sqlite_carrier
from teltubby_cli.settings import named_servers
from teltubby_core.domain.jobs import JobReplayed
from teltubby_core.errors import ConfigurationError
from teltubby_core.ports import DeadLetter
from teltubby_core.running import EXIT_CONFIGURATION, EXIT_FAILURE, EXIT_OK
from teltubby_core.settings import DatabaseSettings, RabbitSettings, load_settings

T = TypeVar("T")
Opener = Callable[[], AbstractAsyncContextManager[Carrier]]

_ANSWER_SECONDS = 10.0
_NOT_READABLE = "no readable job"


def carrier_here() -> Opener:
    """Return what opens the carrier that the settings name: a broker, or the database of a ``teltubby run``.

    Raises:
        ConfigurationError: a setting is wrong, or there is no such database.
    """
    if named_servers():
        broker = load_settings(RabbitSettings)
        return lambda: rabbit_carrier(broker, "queue", _ANSWER_SECONDS)
    path = load_settings(DatabaseSettings).sqlite_path
    if not path.exists():
        problem = (
            f"there is no database {path.absolute()}: go to the folder that `teltubby run` is started in, or name it"
        )
        raise ConfigurationError([f"SQLITE_PATH: {problem}; for a broker set RABBITMQ_HOST"])
    return lambda: sqlite_carrier(path)


def show(opener: Opener, *, limit: int, as_json: bool) -> int:
    """Print the oldest dead letters."""
    letters, total = asyncio.run(_with(opener, lambda carrier: _look(carrier, limit)))
    if as_json:
        print(json.dumps([_fields(letter) for letter in letters], ensure_ascii=False, indent=2))
        return EXIT_OK
    for letter in letters:
        print(_line(letter))
    more = f", {len(letters)} of them shown (--limit)" if len(letters) < total else ""
    print(f"{_counted(total)}{more}")
    return EXIT_OK


def replay(opener: Opener, job_ids: Sequence[str] | None) -> int:
    """Have the bot try these jobs again, or all when None; return 1 when one of them is not there.

    Letters that are no readable job stay, and are named when all are asked for.
    """
    wanted = None if job_ids is None else frozenset(job_ids)
    replayed = asyncio.run(_with(opener, lambda carrier: _replay(carrier, wanted)))
    print(f"{len(replayed)} of the jobs go to the bot, which publishes them anew")
    missing = sorted((wanted or frozenset()) - replayed)
    for job_id in missing:
        print(f"teltubby: no dead letter of job {_plain(job_id)}; see `teltubby queue dead`", file=sys.stderr)
    return EXIT_FAILURE if missing else EXIT_OK


def purge(opener: Opener, *, yes: bool) -> int:
    """Throw all dead letters away, once a person has agreed."""
    if not yes:
        if not sys.stdin.isatty():
            print("teltubby: queue purge: nobody is there to be asked; say --yes", file=sys.stderr)
            return EXIT_CONFIGURATION
        total = asyncio.run(_with(opener, _count))
        if input(f"Remove {_counted(total)} for good? [y/N] ").strip().lower() not in {"y", "yes"}:
            print("nothing was removed")
            return EXIT_OK
    removed = asyncio.run(_with(opener, _purge))
    print(f"{_counted(removed)} removed")
    return EXIT_OK


async def _with(opener: Opener, work: Callable[[Carrier], Awaitable[T]]) -> T:
    async with opener() as carrier:
        return await work(carrier)


async def _look(carrier: Carrier, limit: int) -> tuple[list[DeadLetter], int]:
    # counted first: letters that are being looked at are not in the queue for the moment
    total = await _count(carrier)
    return await carrier.dead.browse(limit), total


async def _count(carrier: Carrier) -> int:
    return (await carrier.queue.depth()).dead


async def _purge(carrier: Carrier) -> int:
    async def accept(_: DeadLetter) -> bool:
        return True

    return await carrier.dead.drain(accept)


async def _replay(carrier: Carrier, wanted: frozenset[str] | None) -> frozenset[str]:
    """Return the ids of the jobs whose letters were taken out. Told one by one: an error may end it in the middle."""
    replayed: set[str] = set()

    async def decide(letter: DeadLetter) -> bool:
        job = letter.job
        if job is None:
            if wanted is None:
                print(f"stays: {_line(letter)}")
            return False
        if wanted is not None and job.job_id not in wanted:
            return False
        # The letter goes once this is safe: killed between the two, the event comes twice, which does no harm.
        await carrier.events.publish(JobReplayed(job_id=job.job_id, generation=job.generation, at=datetime.now(UTC)))
        print(f"tried again: {_line(letter)}")
        replayed.add(job.job_id)
        return True

    await carrier.dead.drain(decide)
    return frozenset(replayed)


def _fields(letter: DeadLetter) -> dict[str, Any]:
    job = letter.job
    file = job.file_info if job else None
    return {
        "job_id": job.job_id if job else None,
        "user_id": job.user_id if job else None,
        "file_name": file.file_name if file else None,
        "file_type": file.file_type if file else None,
        "size_bytes": file.file_size if file else None,
        "reason": letter.reason,
        "at": letter.at.isoformat() if letter.at else None,
    }


def _line(letter: DeadLetter) -> str:
    job = letter.job
    at = letter.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if letter.at else "–"
    if job is None:
        return f"{_NOT_READABLE}  {at}  {_plain(letter.reason)}"
    file = job.file_info
    size = "? B" if file.file_size is None else f"{file.file_size:,} B"
    name = _plain(file.file_name or file.file_type)
    return f"{_plain(job.job_id)}  {at}  user {job.user_id}  {name}  {size}  {_plain(letter.reason)}"


def _plain(text: str) -> str:
    """Return text that does nothing to a terminal: names come from anybody."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _counted(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count} dead letters"
