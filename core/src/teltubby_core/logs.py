"""Logging for all services: lines for people or JSON for machines, and never a token in either."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

_TOKEN = re.compile(r"[0-9]{5,}(?::|%3[Aa])[A-Za-z0-9_-]{30,}")
_CHATTY = ("httpx", "httpcore", "telegram", "telethon", "asyncio")
"""Libraries whose INFO lines hold URLs (the token is part of every Bot API URL) or nothing a person needs."""


_TRACE = ("correlation_id", "job_id")
"""What a log call may add (``extra``) so that one message can be followed through all services."""


def redact(text: str) -> str:
    """Return ``text`` without bot tokens."""
    return _TOKEN.sub("<bot token>", text)


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in _TRACE if (value := getattr(record, name, None))}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False))


def set_up_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Log to ``stream`` (standard error by default) in ``log_format``, ``text`` or ``json``."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
