"""``teltubby run`` that kills itself: the same program, but the Nth call of a step ends it with SIGKILL.

    python killed_at.py REPORT before|after N STEP

runs with the environment of ``teltubby run``. STEP is one of ``STEPS`` or ``any``, which counts all of them together.
Right before its end the program writes to the file REPORT what it was at, as JSON.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from teltubby_bot.botapi import BotApi
from teltubby_cli.run import run
from teltubby_core.adapters.local_folder import FolderUpload, LocalFolderStore
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.domain.jobs import JobCompleted

ANY = "any"


@dataclass(frozen=True)
class Step:
    """A method of an adapter; ``counts`` looks at its arguments after ``self``."""

    owner: type
    method: str
    counts: Callable[..., bool] = lambda *_: True


def key_ends(name: str) -> Callable[..., bool]:
    """Count puts of documents with this file name."""
    return lambda key, *_: key.endswith(name)


def completed(event: object) -> bool:
    """Count reports of a job's completion."""
    return isinstance(event, JobCompleted)


STEPS: dict[str, Step] = {
    "update stored": Step(SqliteInbox, "store"),  # right before it: fetched, and nowhere yet
    "message taken in": Step(SqliteIndex, "admit"),
    "hash noted": Step(SqliteIndex, "intend"),
    "object committed": Step(FolderUpload, "commit"),
    "outcome committed": Step(SqliteIndex, "settle"),
    "message.json written": Step(LocalFolderStore, "put", key_ends("/message.json")),
    "message.json recorded": Step(SqliteIndex, "documented"),
    "replied": Step(BotApi, "send"),
    "reply recorded": Step(SqliteIndex, "reply_sent"),
    "reply edited": Step(BotApi, "edit"),
    "job published": Step(SqliteJobQueue, "publish"),
    "publishing recorded": Step(SqliteIndex, "job_published"),
    "metadata.json written": Step(LocalFolderStore, "put", key_ends("/metadata.json")),
    "completion reported": Step(SqliteEvents, "publish", completed),
    "job acked": Step(SqliteJobQueue, "ack"),
    "completion taken in": Step(SqliteIndex, "apply", completed),
    "report acked": Step(SqliteEvents, "ack", lambda delivery: delivery.tag is not None),
    "twin removed": Step(LocalFolderStore, "delete"),
    "removal recorded": Step(SqliteIndex, "deleted"),
}


class Killer:
    """Counts the calls of a step and ends the process at the Nth."""

    def __init__(self, steps: Mapping[str, Step], report: Path, side: str, number: int, step: str) -> None:
        self._steps = steps
        self._report = report
        self._side = side
        self._left = number
        self._step = step
        self._sending = 0
        self._unrecorded: set[int] = set()  # messages that Telegram has sent, and the index does not know of

    def wrap(self) -> None:
        """Put the counters into the adapters."""
        for name, step in self._steps.items():
            if self._step in (name, ANY):
                setattr(step.owner, step.method, self._counted(name, step, getattr(step.owner, step.method)))
        for owner, method, watch in (
            (BotApi, "send", self._watch_send),
            (SqliteIndex, "reply_sent", self._watch_record),
        ):
            setattr(owner, method, watch(getattr(owner, method)))

    def _counted(self, name: str, step: Step, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        async def counted(port: object, *arguments: Any, **named: Any) -> Any:
            if not step.counts(*arguments):
                return await call(port, *arguments, **named)
            self._reach(name, "before")
            result = await call(port, *arguments, **named)
            if name == "replied":
                self._unrecorded.add(result)
            self._reach(name, "after")
            return result

        return counted

    def _reach(self, name: str, side: str) -> None:
        if side != self._side:
            return
        self._left -= 1
        if self._left == 0:
            at = {"step": name, "unrecorded_replies": self._sending + len(self._unrecorded)}
            self._report.write_text(json.dumps(at))
            os.kill(os.getpid(), signal.SIGKILL)

    def _watch_send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(send)
        async def watched(api: BotApi, *arguments: Any) -> int:
            self._sending += 1
            try:
                sent_id: int = await send(api, *arguments)
            finally:
                self._sending -= 1
            self._unrecorded.add(sent_id)
            return sent_id

        return watched

    def _watch_record(self, record: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(record)
        async def watched(index: SqliteIndex, reply_id: int, sent_id: int, *more: Any) -> None:
            await record(index, reply_id, sent_id, *more)
            self._unrecorded.discard(sent_id)

        return watched


if __name__ == "__main__":
    report, side, number, step = sys.argv[1:]
    Killer(STEPS, Path(report), side, int(number), step).wrap()
    run()
