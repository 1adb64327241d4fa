"""Logging set up for one test, and everything as before after it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from teltubby_core.logs import set_up_logging


@contextmanager
def logging_kept() -> Iterator[None]:
    """Give the test a root logger without handlers: those that are there belong to pytest, not ours to close."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    levels = {
        name: logger.level for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    }
    root.handlers = []
    try:
        yield
    finally:
        set_up_logging("INFO", "text", io.StringIO())  # closes the test's outputs, forgets its secrets
        root.handlers, root.level = before
        for name in root.manager.loggerDict:
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
