"""Where log lines go: through a bounded queue to a thread, and from there to the terminal or a rotating file."""

import errno
import fcntl
import logging
import os
import sys
import threading
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Self, cast

from teltubby_core.errors import ConfigurationError

log = logging.getLogger(__name__)

_MOST_LINES = 10_000  # that wait for one output; some megabytes
_FLUSH_SECONDS = 2.0
FILE_BYTES = 5_000_000
FILES_KEPT = 10


class BackgroundOutput(logging.Handler):
    """Formats at once, writes later in a thread of its own. What does not fit into its queue is counted and told.

    logging.handlers.QueueListener does not serve: it stops by waiting without a limit for an output that may hang.
    """

    def __init__(self, output: logging.Handler, name: str = "standard error", most_lines: int = _MOST_LINES) -> None:
        super().__init__()
        self._output = output
        self._most_lines = most_lines
        self._lost = 0
        self._queue: SimpleQueue[logging.LogRecord | threading.Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name=f"log to {name}", daemon=True)
        self._thread.start()

    def createLock(self) -> None:  # noqa: N802  # logging's name
        """Have none: the queue needs none, and who waits for the output at exit must not keep it from logging."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """See logging.Handler, which takes the lock."""
        passed = bool(self.filter(record))
        if passed:
            self.emit(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line."""
        if self._queue.qsize() >= self._most_lines:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._queue.put(self._line(_notice(f"{lost} lines were lost here: they came faster than they are written")))
        self._queue.put(self._line(record))

    def flush(self) -> None:
        """Wait until all that is queued is written, at most two seconds."""
        if self._thread.is_alive():
            written = threading.Event()
            self._queue.put(written)
            written.wait(_FLUSH_SECONDS)

    def close(self) -> None:
        """Write what is queued, for at most two seconds, and end the thread."""
        self._queue.put(None)
        self._thread.join(_FLUSH_SECONDS)
        if not self._thread.is_alive():
            with suppress(OSError):  # a full disk: its lines were told to be lost
                self._output.close()
        super().close()

    def _line(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a record that is nothing but its text: arguments may change before it is written."""
        return logging.LogRecord(record.name, record.levelno, "", 0, self.format(record), None, None)

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()  # the output has written each line when its handle() returned
            else:
                self._output.handle(item)


class LogFile(RotatingFileHandler):
    """A file for its owner's eyes: 5 MB, then it is set aside, ten of those are kept. For one process at a time.

    While it can't be written its lines are lost; that is logged once, to the other outputs, and so is its end.
    """

    _lost = 0

    @classmethod
    def at(cls, path: Path) -> Self:
        """Open the file at ``path`` and, where missing, its folder.

        Raises:
            ConfigurationError: it can't be opened, or another process logs to it.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", errors="backslashreplace")
        except BlockingIOError as error:
            raise ConfigurationError([f"LOG_FILE: another process logs to {path}; give each its own"]) from error
        except OSError as error:
            raise ConfigurationError([f"LOG_FILE: {path} can't be opened: {error.strerror}"]) from error

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or count it as lost."""
        before = self._lost
        super().emit(record)
        if before and self._lost == before:
            self._lost = 0
            log.warning("LOG_FILE: %s can be written again; up to %d lines are missing", self.baseFilename, before)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  # logging's name
        """See logging.Handler, which would print a traceback for each line."""
        self._lost += 1
        if self._lost == 1:
            error = sys.exc_info()[1]
            log.error("LOG_FILE: %s can't be written: %s; its lines are lost until it can", self.baseFilename, error)

    def _open(self) -> TextIOWrapper:
        file = cast(
            TextIOWrapper,
            open(  # noqa: SIM115  # the handler closes it; a Path takes no opener
                self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=_private
            ),
        )
        try:
            _lock(file)
        except OSError:
            file.close()
            raise
        return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lock(file: TextIOWrapper) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN}:
            raise
        # some network file systems know no locks: then two processes are not kept apart


def _notice(text: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None)
