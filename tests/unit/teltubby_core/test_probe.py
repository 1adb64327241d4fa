import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from teltubby_core.probe import main
from testbed.processes import free_port


class Page(BaseHTTPRequestHandler):
    statuses: list[int]

    def do_GET(self) -> None:  # the library's own name
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        body = f"status {status} of {self.path}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Page.statuses = [200]
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/readyz"


def test_a_page_is_printed(server, capsys):
    assert main([url(server)]) == 0
    assert capsys.readouterr().out == "status 200 of /readyz\n"


def test_a_page_that_tells_of_trouble_is_printed_and_counts_as_failure(server, capsys):
    Page.statuses = [503]
    assert main([url(server)]) == 1
    assert capsys.readouterr().out == "status 503 of /readyz\n"


def test_waiting_ends_with_the_first_good_answer(server, capsys):
    Page.statuses = [503, 503, 200]
    assert main([url(server), "--wait", "20"]) == 0
    assert capsys.readouterr().out == "status 200 of /readyz\n"


def test_waiting_ends_at_its_limit(server):
    Page.statuses = [503]
    assert main([url(server), "--wait", "0.3"]) == 1


def test_nobody_there_is_told_with_the_address(capsys):
    address = f"http://127.0.0.1:{free_port()}/readyz"
    assert main([address]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert address in told.err
    assert "refused" in told.err


def test_what_is_no_address_is_told(capsys):
    assert main(["readyz"]) == 1
    assert "readyz" in capsys.readouterr().err
