"""``python -m teltubby_worker`` that a certain file kills: SIGKILL as soon as it begins to fetch one of that name.

    python dying_worker.py FILE_NAME

Everything else it does as any worker.
"""

import os
import signal
import sys
from functools import wraps

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.ports import MediaSource
from teltubby_worker import __main__
from teltubby_worker.mtproto.telegram import MtprotoTelegram


def die_of(name: str) -> None:
    """Have files of this name kill us."""
    usual = MtprotoTelegram.source

    @wraps(usual)
    def source(telegram: MtprotoTelegram, job: JobMessage) -> MediaSource:
        if job.file_info.file_name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return usual(telegram, job)

    setattr(MtprotoTelegram, MtprotoTelegram.source.__name__, source)


if __name__ == "__main__":
    die_of(sys.argv.pop())
    sys.exit(__main__.main())
