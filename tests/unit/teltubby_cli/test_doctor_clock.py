"""The clock against the Date of an answer, whatever else the answer is."""

import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from teltubby_cli.doctor.clock import look_at_clock, times_at
from teltubby_cli.doctor.finding import Verdict
from teltubby_core.errors import TransientError
from testbed.processes import free_port
from unit.teltubby_cli.doctor_bench import said


@pytest.mark.parametrize(
    ("ahead", "verdict", "text"),
    [
        (0.0, Verdict.FINE, "right by Telegram's"),
        (-2.9, Verdict.FINE, "right by Telegram's"),
        (12.0, Verdict.FINE, "12 s ahead of Telegram's"),
        (-30.0, Verdict.FINE, "30 s behind Telegram's"),
        (31.0, Verdict.WRONG, "31 s ahead of Telegram's"),
        (-7200.0, Verdict.WRONG, "7200 s behind Telegram's"),
    ],
)
async def test_more_than_half_a_minute_is_wrong(ahead: float, verdict: Verdict, text: str):
    ((found, line),) = await said(look_at_clock(lambda: (5000.0 + ahead, 5000.0)))
    assert found is verdict
    assert line.startswith(text)


class Server(ThreadingHTTPServer):
    """Answers every HEAD with ``status`` and ``headers``."""

    status = 200
    headers: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.send_response_only(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answer) as server:
        server.headers = {"Date": formatdate(time.time() - 100, usegmt=True)}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 302, 404, 502])
def test_any_answer_tells_the_time(server: Server, status: int):
    server.status = status
    if status == 302:
        server.headers["Location"] = f"http://127.0.0.1:{free_port()}/"  # nobody is there
    ours, theirs = times_at(server.url, 5)
    assert 98 < ours - theirs < 103


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_an_answer_without_a_date_does_not(server: Server, headers: dict[str, str]):
    server.headers = headers
    with pytest.raises(TransientError, match="no Date that can be read"):
        times_at(server.url, 5)


def test_nobody_there_is_told_without_an_address():
    with pytest.raises(TransientError, match=r"can't be reached \(ConnectionRefusedError\)"):
        times_at(f"http://127.0.0.1:{free_port()}", 5)
