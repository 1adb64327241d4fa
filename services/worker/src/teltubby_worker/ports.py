"""What the worker needs beside the ports of the core."""

from typing import Protocol

from teltubby_core.domain.jobs import JobMessage
from teltubby_core.ports import MediaSource


class Telegram(Protocol):
    """The way to the files that jobs name."""

    def source(self, job: JobMessage) -> MediaSource:
        """Return the job's file; nothing is opened or asked before its first chunk is.

        Its errors: Transient, Permanent, and Infrastructure when no connection or login can be had at all.
        """
        ...

    def start(self) -> None:
        """Begin to log out sessions that retire, also while there is no job."""
        ...

    async def close(self) -> None:
        """Disconnect and let go of the session."""
        ...
