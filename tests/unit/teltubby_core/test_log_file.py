"""Lines go to a file too: bounded, private, in the background, and never at the price of the service."""

import asyncio
import errno
import io
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teltubby_core import log_outputs
from teltubby_core.errors import ConfigurationError
from teltubby_core.log_outputs import BackgroundOutput, LogFile
from teltubby_core.logs import flush_logs, set_up_logging
from unit.teltubby_core.logging_rig import logging_kept


@pytest.fixture(autouse=True)
def _logging_kept() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "bot.log"


class Gate(logging.Handler):
    """An output that writes only while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.open.wait(10)
        self.lines.append(record.getMessage())


def test_lines_go_to_both_and_without_secrets(path: Path) -> None:
    stream = io.StringIO()
    set_up_logging("INFO", "text", stream, log_file=path, secrets=["hunter2-long"])
    logging.getLogger("a").info("it is hunter2-long, ü")
    flush_logs()
    assert path.read_text("utf-8") == stream.getvalue()
    assert stream.getvalue().endswith("a: it is <secret>, ü\n")


def test_the_file_is_for_its_owner_only_after_a_rotation_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_outputs, "FILE_BYTES", 1000)
    before = os.umask(0)
    try:
        set_up_logging("INFO", "text", io.StringIO(), log_file=path)
        for _ in range(30):
            logging.getLogger("a").info("x" * 50)
        flush_logs()
    finally:
        os.umask(before)
    files = sorted(path.parent.iterdir())
    assert len(files) > 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_takes_five_megabytes_ten_times_and_no_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (log_outputs.FILE_BYTES, log_outputs.FILES_KEPT) == (5_000_000, 10)
    monkeypatch.setattr(log_outputs, "FILE_BYTES", 1000)
    set_up_logging("INFO", "text", io.StringIO(), log_file=path)
    for number in range(400):
        logging.getLogger("a").info("%s %d", "x" * 50, number)
    flush_logs()
    assert {file.name for file in path.parent.iterdir()} == {
        "bot.log",
        *(f"bot.log.{number}" for number in range(1, 11)),
    }
    assert all(file.stat().st_size <= 1000 for file in path.parent.iterdir())
    assert path.read_text().endswith(" 399\n")


def test_what_was_in_the_file_stays(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("before\n")
    set_up_logging("INFO", "text", io.StringIO(), log_file=path)
    logging.getLogger("a").info("after")
    flush_logs()
    assert path.read_text().startswith("before\n")
    assert path.read_text().endswith("after\n")


def test_a_file_that_can_not_be_opened_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "below.log"):
        with pytest.raises(ConfigurationError, match=f"^LOG_FILE: {place} can't be opened: "):
            set_up_logging("INFO", "text", log_file=place)


def test_two_processes_do_not_share_a_file_but_one_may_open_it_again(path: Path) -> None:
    set_up_logging("INFO", "text", io.StringIO(), log_file=path)
    set_up_logging("INFO", "text", io.StringIO(), log_file=path)
    other = (
        "import pathlib, sys; from teltubby_core.logs import set_up_logging\n"
        "set_up_logging('INFO', 'text', log_file=pathlib.Path(sys.argv[1]))"
    )
    ended = subprocess.run([sys.executable, "-c", other, path], capture_output=True, text=True, timeout=60, check=False)
    assert f"LOG_FILE: another process logs to {path}; give each its own" in ended.stderr


def test_a_disk_that_is_full_costs_lines_and_says_so_once(path: Path) -> None:
    stream = io.StringIO()
    set_up_logging("INFO", "text", stream, log_file=Path("/dev/full"))
    for number in range(20):
        logging.getLogger("a").info("line %d", number)
    flush_logs()
    printed = stream.getvalue()
    assert printed.count("LOG_FILE: /dev/full can't be written: ") == 1
    assert os.strerror(errno.ENOSPC) in printed
    assert "Traceback" not in printed
    assert "line 19" in printed


def test_once_there_is_space_again_it_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    set_up_logging("INFO", "text", stream, log_file=path)
    (output,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, BackgroundOutput)]
    file = output._output
    assert isinstance(file, LogFile)

    def full() -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(file, "flush", full)
        logging.getLogger("a").info("one")
        logging.getLogger("a").info("two")
        flush_logs()
    logging.getLogger("a").info("three")
    flush_logs()
    flush_logs()
    assert "can be written again; up to " in stream.getvalue()
    assert "three" in path.read_text()


def test_a_slow_output_holds_up_nobody_and_tells_what_it_lost() -> None:
    gate = Gate()
    output = BackgroundOutput(gate, "test", most_lines=5)
    log = logging.Logger("a")  # noqa: LOG001  # of its own
    log.addHandler(output)
    began = time.monotonic()
    for number in range(100):
        log.info("%d", number)
    assert time.monotonic() - began < 1
    gate.open.set()
    output.flush()
    log.info("after")
    output.flush()
    assert gate.lines[:5] == ["0", "1", "2", "3", "4"]
    assert gate.lines[-1] == "after"
    lost = 100 - len([line for line in gate.lines if line.isdigit()])
    assert gate.lines[-2] == f"{lost} lines were lost here: they came faster than they are written"
    output.close()


def test_an_output_that_hangs_does_not_keep_the_program_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_outputs, "_FLUSH_SECONDS", 0.1)
    gate = Gate()
    output = BackgroundOutput(gate, "test")
    output.handle(logging.LogRecord("a", logging.INFO, "", 0, "x", None, None))
    began = time.monotonic()
    output.flush()
    output.close()
    assert time.monotonic() - began < 1
    gate.open.set()


def test_what_is_queued_is_written_at_exit_to_file_and_standard_error(path: Path) -> None:
    program = (
        "import logging, pathlib, sys; from teltubby_core.logs import set_up_logging\n"
        "set_up_logging('INFO', 'text', log_file=pathlib.Path(sys.argv[1]))\n"
        "for number in range(3000): logging.getLogger('a').info('line %d', number)\n"
        "raise SystemExit(3)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 3
    for text in (ended.stderr, path.read_text()):
        assert text.count("\n") == 3000
        assert text.endswith("line 2999\n")


async def test_logging_to_a_file_does_not_block_the_event_loop(path: Path) -> None:
    await asyncio.to_thread(set_up_logging, "INFO", "json", io.StringIO(), log_file=path)
    for number in range(1000):  # blockbuster would raise
        logging.getLogger("a").info("%d", number)
