"""A token never gets into a log, whichever way it comes."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from teltubby_core.logs import redact, set_up_logging

TOKEN = "123456789:AAE-abc_def" + "Z" * 25
URL = f"https://api.telegram.org/bot{TOKEN}/getUpdates"
Start = Callable[..., io.StringIO]


@pytest.fixture
def start() -> Iterator[Start]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "telegram", "telethon", "asyncio")}

    def _start(log_format: str, level: str = "INFO") -> io.StringIO:
        stream = io.StringIO()
        # the handlers that are there belong to pytest: not ours to close
        root.handlers = []
        set_up_logging(level, log_format, stream)
        return stream

    yield _start
    root.handlers, root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_token_is_printed(start: Start, log_format: str) -> None:
    stream = start(log_format)
    log = logging.getLogger("teltubby_bot.x")
    log.warning("calling %s", URL)
    log.warning(URL)
    log.warning("encoded %s", URL.replace(":AAE", "%3AAAE"))
    log.warning("object %r", {"url": URL})
    try:
        try:
            raise OSError(URL)
        except OSError as error:
            raise RuntimeError(f"failed at {URL}") from error
    except RuntimeError:
        log.exception("unexpected")
    printed = stream.getvalue()
    assert printed.count("<bot token>") >= 6
    assert TOKEN.partition(":")[2] not in printed
    assert "RuntimeError" in printed
    assert "OSError" in printed


def test_json_lines_are_json_one_a_line(start: Start) -> None:
    stream = start("json")
    logging.getLogger("a.b").error('quotes " and\nlines and %s', "Ж")
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "a.b", 'quotes " and\nlines and Ж')
    assert line["time"].endswith("+00:00")


def test_text_lines_tell_level_and_place(start: Start) -> None:
    stream = start("text")
    logging.getLogger("a.b").warning("hello")
    assert stream.getvalue().rstrip().endswith("WARNING a.b: hello")


@pytest.mark.parametrize("name", ["httpx", "telegram.ext", "telethon.network"])
def test_libraries_that_log_urls_are_quiet_below_warnings(start: Start, name: str) -> None:
    stream = start("text", "DEBUG")
    logging.getLogger(name).info("GET /x")
    logging.getLogger("teltubby").debug("ours")
    assert "GET" not in stream.getvalue()
    assert "ours" in stream.getvalue()


@pytest.mark.parametrize("text", ["12:30:45", "1:2", "teltubby/2025/03/ada/7", "sha256:" + "ab" * 32])
def test_what_is_no_token_stays(text: str) -> None:
    assert redact(text) == text


def test_a_json_line_says_which_message_and_job_it_is_about() -> None:
    stream = io.StringIO()
    set_up_logging("INFO", "json", stream)
    logging.getLogger("teltubby").info("stored", extra={"correlation_id": "u7", "job_id": "j1"})
    line = json.loads(stream.getvalue())
    assert (line["correlation_id"], line["job_id"]) == ("u7", "j1")
