"""Logging for all services: lines for people or JSON for machines, without a secret in either, and never in the way.

Each output has a bounded queue and a thread of its own: a full disk or a stopped terminal costs lines, which are
counted, and holds up nobody. What is logged inside ``tracing`` carries the ids of the message that it is about.
"""

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from teltubby_core.log_outputs import BackgroundOutput, LogFile
from teltubby_core.redaction import Redactor, secrets_of

__all__ = ["flush_logs", "redact", "secrets_of", "set_up_logging", "tracing"]

_CHATTY = (
    "aiohttp",
    "asyncio",
    "boto3",
    "botocore",
    "httpcore",
    "httpx",
    "s3transfer",
    "telegram",
    "telethon",
    "urllib3",
)
"""Libraries whose lines below WARNING hold payloads, signatures and URLs (the token is part of every Bot API URL) or
nothing a person needs. LOG_LEVEL=DEBUG does not change that."""

_SAID_BY_US = ("aio_pika", "aiormq")
"""Libraries that log a traceback for each lost connection, which our own sentence tells in a line."""

_TRACE = ("correlation_id", "job_id")
"""What a log call may add (``extra``) so that one message can be followed through all services."""
_SPOKEN = {"correlation_id": "", "job_id": "job "}
_traced: ContextVar[dict[str, str]] = ContextVar("traced", default={})  # noqa: B039  # never changed, only replaced
_redactor = Redactor()


def redact(text: str) -> str:
    """Return ``text`` without bot tokens, credentials and what ``set_up_logging`` was told to hide."""
    return _redactor(text)


@contextmanager
def tracing(*, correlation_id: str | None = None, job_id: str | None = None) -> Iterator[None]:
    """Let every line that is logged inside, here and in tasks and threads begun here, carry these ids.

    What is not given stays as it is around. An ``extra`` of the log call itself goes first.
    """
    given = {"correlation_id": correlation_id, "job_id": job_id}
    token = _traced.set(_traced.get() | {name: value for name, value in given.items() if value})
    try:
        yield
    finally:
        _traced.reset(token)


class _TraceFilter(logging.Filter):
    """Runs where the call was made: the output's thread knows nothing of its context."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in _traced.get().items():
            if not getattr(record, name, None):
                setattr(record, name, value)
        return True


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # as logging.Formatter does it: the traceback's text is kept for the next output
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        trace = {name: str(value) for name in _TRACE if (value := getattr(record, name, None))}
        details = [text for text in (record.exc_text, record.stack_info) if text]
        return self._line(record, _message(record), trace, "\n".join(details))

    def _line(self, record: logging.LogRecord, message: str, trace: dict[str, str], details: str) -> str:
        raise NotImplementedError


class _TextFormatter(_Formatter):
    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%d %H:%M:%S")

    def _line(self, record: logging.LogRecord, message: str, trace: dict[str, str], details: str) -> str:
        place = f"{self.formatTime(record, self.datefmt)} {record.levelname:<7} {record.name}"
        # most messages begin with their ids
        ids = [_SPOKEN[name] + value for name, value in trace.items() if value not in message]
        return redact(": ".join([place, *ids, message]) + (f"\n{details}" if details else ""))


class _JsonFormatter(_Formatter):
    def __init__(self, service: str | None) -> None:
        super().__init__()
        self._service = {"service": service} if service else {}

    def _line(self, record: logging.LogRecord, message: str, trace: dict[str, str], details: str) -> str:
        texts = {"message": message, **trace, **({"exception": details} if details else {})}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            **self._service,
            "logger": record.name,
            # before JSON escapes them: a secret may hold quotes
            **{name: redact(text) for name, text in texts.items()},
        }
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """Return the message. A call whose arguments don't fit it would have them printed as they are, secrets too."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # whatever an argument's __str__ raises
        return f"a log call that can't be formatted: {record.pathname}, line {record.lineno}"


def set_up_logging(
    level: str,
    log_format: str,
    stream: TextIO | None = None,
    *,
    log_file: Path | None = None,
    secrets: Iterable[str] = (),
    service: str | None = None,
) -> None:
    """Log to standard error in ``log_format``, ``text`` or ``json``, and to ``log_file`` too if given.

    To ``stream``, when given instead, each line is written before the call returns. ``secrets`` appear nowhere;
    ``service`` is named in JSON lines. What is still queued is written at exit.

    Raises:
        ConfigurationError: LOG_FILE can't be opened, or another process logs to it.
    """
    global _redactor  # noqa: PLW0603  # as logging itself: one for the process
    _redactor = Redactor(secrets)
    _close_outputs()  # first: it may be the same file again
    outputs: list[logging.Handler] = [BackgroundOutput(LogFile.at(log_file), "log file")] if log_file else []
    outputs.append(logging.StreamHandler(stream) if stream else BackgroundOutput(logging.StreamHandler(sys.stderr)))
    formatter = _JsonFormatter(service) if log_format == "json" else _TextFormatter()
    for output in outputs:
        output.addFilter(_TraceFilter())
        output.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=outputs)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in _SAID_BY_US:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _close_outputs() -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()


def flush_logs() -> None:
    """Wait until what was logged is written, at most some seconds: before the process prints or ends."""
    for handler in logging.getLogger().handlers:
        handler.flush()
