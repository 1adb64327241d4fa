"""What the management API tells, and what it means when it does not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from teltubby_operator.broker import Access, Management, open_http, trusted
from teltubby_operator.scaling import Backlog
from teltubby_operator.troubles import TroubleError


class Api:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = []
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        return web.json_response(self.body, status=self.status)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def access(api: Api) -> AsyncIterator[Access]:
    application = web.Application()
    application.router.add_get("/{path:.*}", api.answer)
    async with TestServer(application) as server:
        yield Access("amqp://rabbit", f"http://{server.host}:{server.port}", "/", "ada", "passw0rd")


async def ask(access: Access) -> dict[str, Backlog | None]:
    tls = trusted(None)
    async with open_http(tls) as http:
        return await Management(http, tls).backlogs(access)


async def test_one_question_tells_of_all_queues(api: Api, access: Access):
    api.body = [
        {"name": "one", "messages_ready": 3, "messages_unacknowledged": 2},
        {"name": "two", "messages_ready": 0, "messages_unacknowledged": 0},
    ]
    assert await ask(access) == {"one": Backlog(3, 2), "two": Backlog(0, 0)}
    (asked,) = api.asked
    path, _, query = asked.partition("?")
    assert path == "/api/queues/%2F"
    assert set(query.split("&")) == {
        "disable_stats=true",
        "enable_queue_totals=true",
        "columns=name,messages_ready,messages_unacknowledged",
    }


@pytest.mark.parametrize(
    "told", [{}, {"messages_ready": 0}, {"messages_unacknowledged": 0}, {"messages_ready": None}, {"messages": 0}]
)
async def test_a_missing_count_is_not_zero(api: Api, access: Access, told: dict[str, Any]):
    api.body = [{"name": "one", **told}]
    assert await ask(access) == {"one": None}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {}, "BrokerRefused"),
        (403, {}, "BrokerRefused"),
        (404, {}, "VhostMissing"),
        (500, {}, "BrokerUnreadable"),
        (302, {}, "BrokerUnreadable"),
        (200, {}, "BrokerUnreadable"),
        (200, ["text"], "BrokerUnreadable"),
    ],
)
async def test_what_it_refuses_or_garbles_has_a_reason_and_no_secret(
    api: Api, access: Access, status: int, body: Any, reason: str
):
    api.status, api.body = status, body
    with pytest.raises(TroubleError) as caught:
        await ask(access)
    assert caught.value.reason == reason
    assert "passw0rd" not in str(caught.value)
    assert "passw0rd" not in repr(access)


@pytest.mark.parametrize(
    ("url", "reason"), [("http://127.0.0.1:9", "BrokerUnreachable"), ("http://rabbit:99999999", "BrokerUnreadable")]
)
async def test_nobody_there_or_no_address(url: str, reason: str):
    with pytest.raises(TroubleError) as caught:
        await ask(Access("amqp://rabbit", url, "/", "ada", "passw0rd"))
    assert caught.value.reason == reason
