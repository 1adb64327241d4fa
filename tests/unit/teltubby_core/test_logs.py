"""What stands in a line: which message it is about, and never a secret, whichever way it comes."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from teltubby_core.logs import set_up_logging, tracing
from unit.teltubby_core.logging_rig import logging_kept

TOKEN = "123456789:AAE-abc_def" + "Z" * 25
URL = f"https://api.telegram.org/bot{TOKEN}/getUpdates"
Start = Callable[..., io.StringIO]


@pytest.fixture
def start() -> Iterator[Start]:
    def _start(log_format: str, level: str = "INFO", **more: Any) -> io.StringIO:
        stream = io.StringIO()
        set_up_logging(level, log_format, stream, **more)
        return stream

    with logging_kept():
        yield _start


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


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


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("secret", ["plain-hunter2", 'quo"te\\back', "ümläut/slash+plus="])
def test_configured_secrets_are_printed_nowhere(start: Start, log_format: str, secret: str) -> None:
    stream = start(log_format, secrets=[secret])
    log = logging.getLogger("teltubby_bot.x")
    log.warning("it is %s", secret)
    log.warning("in a dict %r", {"password": secret})
    log.warning("as JSON %s", json.dumps({"password": secret}))
    log.info("of a job", extra={"correlation_id": f"u{secret}"})
    try:
        raise OSError(secret)
    except OSError:
        log.exception("refused")
    printed = stream.getvalue()
    assert printed.count("<secret>") >= 5
    for spelt in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert spelt not in printed
    if log_format == "json":
        assert len(lines(stream)) == 5


def test_json_lines_are_json_one_a_line(start: Start) -> None:
    stream = start("json")
    logging.getLogger("a.b").error('quotes " and\nlines and %s', "Ж")
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "a.b", 'quotes " and\nlines and Ж')
    assert line["time"].endswith("+00:00")
    assert "service" not in line


def test_json_lines_name_their_service_and_keep_the_traceback(start: Start) -> None:
    stream = start("json", service="worker")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("a").exception("unexpected")
    (line,) = lines(stream)
    assert line["service"] == "worker"
    assert "ValueError: why" in line["exception"]
    assert "Traceback" in line["exception"]


def test_text_lines_tell_time_level_and_place(start: Start) -> None:
    stream = start("text")
    logging.getLogger("a.b").warning("hello %d", 5)
    day, time, rest = stream.getvalue().rstrip().split(" ", 2)
    assert (day.count("-"), time.count(":"), rest) == (2, 2, "WARNING a.b: hello 5")


def test_text_lines_carry_traceback_and_stack(start: Start) -> None:
    stream = start("text")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("a").exception("unexpected", stack_info=True)
    printed = stream.getvalue()
    assert "unexpected\nTraceback" in printed
    assert "ValueError: why" in printed
    assert "Stack (most recent call last)" in printed


LIBRARIES = [
    "aiohttp.access",
    "boto3.resources",
    "botocore.auth",
    "httpx",
    "s3transfer.tasks",
    "telegram.ext",
    "telethon.network",
    "urllib3.connectionpool",
]


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_that_log_payloads_are_quiet_below_warnings_even_at_debug(start: Start, name: str) -> None:
    stream = start("text", "DEBUG")
    logging.getLogger(name).debug("GET /x")
    logging.getLogger(name).info("GET /x")
    logging.getLogger(name).warning("broken")
    logging.getLogger("teltubby").debug("ours")
    assert "GET" not in stream.getvalue()
    assert "broken" in stream.getvalue()
    assert "ours" in stream.getvalue()


@pytest.mark.parametrize("name", ["aio_pika.connection", "aiormq.connection"])
def test_what_our_own_sentences_say_of_the_broker_is_not_said_by_its_libraries_too(start: Start, name: str) -> None:
    stream = start("text", "DEBUG")
    logging.getLogger(name).error("lost")
    assert stream.getvalue() == ""


def test_a_json_line_says_which_message_and_job_it_is_about(start: Start) -> None:
    stream = start("json")
    logging.getLogger("teltubby").info("stored", extra={"correlation_id": "u7", "job_id": "j1"})
    (line,) = lines(stream)
    assert (line["correlation_id"], line["job_id"]) == ("u7", "j1")


def test_every_line_inside_tracing_says_which_message_it_is_about(start: Start) -> None:
    stream = start("json")
    log = logging.getLogger("teltubby")
    log.info("before")
    with tracing(correlation_id="u7"):
        log.info("of a message")
        with tracing(job_id="j1"):
            log.info("of a job")
            log.info("its own word", extra={"correlation_id": "u8"})
        log.info("of the message again")
    log.info("after")
    ids = [(line.get("correlation_id"), line.get("job_id")) for line in lines(stream)]
    assert ids == [(None, None), ("u7", None), ("u7", "j1"), ("u8", "j1"), ("u7", None), (None, None)]


async def test_tasks_and_threads_take_the_trace_along_and_do_not_mix_it_up(start: Start) -> None:
    stream = start("json")
    log = logging.getLogger("teltubby")

    async def handle(number: int) -> None:
        with tracing(correlation_id=f"u{number}"):
            await asyncio.sleep(0)
            await asyncio.to_thread(log.info, "%d", number)
            await asyncio.create_task(_later(number))

    async def _later(number: int) -> None:
        await asyncio.sleep(0)
        log.info("%d", number)

    await asyncio.gather(*(handle(number) for number in range(10)))
    seen = [(line["correlation_id"], line["message"]) for line in lines(stream)]
    assert sorted(seen) == sorted([(f"u{number}", f"{number}") for number in range(10)] * 2)


def test_text_lines_name_the_message_unless_they_do_already(start: Start) -> None:
    stream = start("text")
    log = logging.getLogger("a")
    with tracing(correlation_id="u7", job_id="j1"):
        log.info("u7: job j1: stored")
        log.info("connection closed")
    assert [line.partition(" a: ")[2] for line in stream.getvalue().splitlines()] == [
        "u7: job j1: stored",
        "u7: job j1: connection closed",
    ]


def test_a_log_call_with_a_mistake_prints_neither_arguments_nor_a_traceback(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = start("text")
    logging.getLogger("a").info("%d jobs", TOKEN)
    assert "can't be formatted" in stream.getvalue()
    assert "test_logs.py" in stream.getvalue()
    assert "AAE" not in stream.getvalue() + capsys.readouterr().err


def test_an_object_that_can_not_be_printed_ends_nothing(start: Start) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    stream = start("json")
    logging.getLogger("a").info("%s", Broken())
    assert "can't be formatted" in lines(stream)[0]["message"]


class _Talkative(BaseModel):
    """Models of ours hide what they were given; a library's may not."""

    caption: str
    media_group_id: str


def test_a_traceback_about_a_malformed_job_does_not_show_its_caption(start: Start) -> None:
    stream = start("text")
    context = {"caption": ["a private caption"], "media_group_id": 5}
    with pytest.raises(ValidationError, match="private") as caught:
        _Talkative.model_validate(context)
    logging.getLogger("a").error("unexpected", exc_info=caught.value)
    assert "media_group_id" in stream.getvalue()
    assert "private" not in stream.getvalue()


def test_setting_it_up_again_replaces_what_was(start: Start) -> None:
    first, second = start("text", secrets=["hunter2-long"]), start("text")
    logging.getLogger("a").info("hunter2-long")
    assert first.getvalue() == ""
    assert second.getvalue().endswith("hunter2-long\n")
