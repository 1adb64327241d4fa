"""``python -m teltubby_bot`` or ``teltubby_worker`` that kills itself: the Nth call of a step ends it with SIGKILL.

    python killed_at.py bot|worker REPORT before|after N STEP

STEP is one of the service's, or ``any``; REPORT as in ``integration.killed_at``.
"""

import sys
from pathlib import Path

from integration.killed_at import Killer, Step, completed, key_ends
from teltubby_bot import __main__ as bot
from teltubby_bot.botapi import BotApi
from teltubby_core.adapters.rabbitmq import RabbitControl, RabbitEvents, RabbitJobQueue
from teltubby_core.adapters.s3 import S3Store
from teltubby_core.adapters.s3.upload import S3Upload
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.adapters.sqlite.sessions import SqliteSessionLease
from teltubby_core.domain.jobs import JobStarted
from teltubby_core.ports import EventDelivery
from teltubby_worker import __main__ as worker


def _is_report(delivery: EventDelivery) -> bool:
    return delivery.tag is not None


BOT_STEPS: dict[str, Step] = {
    "update stored": Step(SqliteInbox, "store"),
    "message taken in": Step(SqliteIndex, "admit"),
    "hash noted": Step(SqliteIndex, "intend"),
    "small object committed": Step(S3Upload, "commit"),
    "outcome committed": Step(SqliteIndex, "settle"),
    "message.json written": Step(S3Store, "put", key_ends("/message.json")),
    "message.json recorded": Step(SqliteIndex, "documented"),
    "replied": Step(BotApi, "send"),
    "reply recorded": Step(SqliteIndex, "reply_sent"),
    "reply edited": Step(BotApi, "edit"),
    "job published": Step(RabbitJobQueue, "publish"),
    "publishing recorded": Step(SqliteIndex, "job_published"),
    "completion taken in": Step(SqliteIndex, "apply", completed),
    "report acked": Step(RabbitEvents, "ack", _is_report),
    "twin removed": Step(S3Store, "delete"),
    "removal recorded": Step(SqliteIndex, "deleted"),
}
WORKER_STEPS: dict[str, Step] = {
    "start reported": Step(RabbitEvents, "publish", lambda event: isinstance(event, JobStarted)),
    "login saved": Step(SqliteSessionLease, "save"),
    "upload begun": Step(S3Store, "begin"),
    "large object committed": Step(S3Upload, "commit"),
    "metadata.json written": Step(S3Store, "put", key_ends("/metadata.json")),
    "completion reported": Step(RabbitEvents, "publish", completed),
    "job acked": Step(RabbitJobQueue, "ack"),
    "listening for orders": Step(RabbitControl, "next"),
}
PROGRAMS = {"bot": (bot.main, BOT_STEPS), "worker": (worker.main, WORKER_STEPS)}


if __name__ == "__main__":
    program, report, side, number, step = sys.argv[1:]
    main, steps = PROGRAMS[program]
    Killer(steps, Path(report), side, int(number), step).wrap()
    sys.exit(main())
