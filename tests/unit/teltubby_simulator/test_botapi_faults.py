"""Troubles at the Bot API door: by rule, by condition, and what the journal tells of them."""

import asyncio
import email.utils

import httpx
import pytest

from teltubby_simulator.content import SeededContent
from teltubby_simulator.faults import Rule, Step

MIB = 1 << 20


@pytest.fixture
def content():
    return SeededContent("film", 3 * MIB + 5)


@pytest.fixture
async def path(world, ada, bot_user, wire, content):
    """The path of a file, ready to be downloaded."""
    world.send(ada, bot_user, media=world.make_media("video", content))
    (update,) = await wire.result("getUpdates")
    found = await wire.result("getFile", file_id=update["message"]["video"]["file_id"])
    return found["file_path"]


def spent(loop, started):
    return loop.time() - started


@pytest.mark.parametrize(
    ("step", "status", "description"),
    [
        (Step(code=502), 502, "Bad Gateway"),
        (Step(code=500, error="Internal Server Error: restart"), 500, "Internal Server Error: restart"),
        (Step(error="PEER_FLOOD"), 400, "Bad Request: PEER_FLOOD"),
        (Step(code=429, retry_after=7), 429, "Too Many Requests: retry after 7"),
        (Step(code=420, error="FLOOD_WAIT_31"), 429, "Too Many Requests: retry after 31"),
    ],
)
async def test_a_rule_refuses_a_call_before_it_has_any_effect(world, ada, bot_user, wire, step, status, description):
    world.send(ada, bot_user, text="hello")
    world.faults.add(Rule((step,), "bot_api", "sendMessage", account=bot_user.id))
    refused = await wire.response("sendMessage", chat_id=ada.id, text="x")
    assert (refused.status_code, refused.json()["description"]) == (status, description)
    assert len(world.chat_with(ada.id, bot_user.id)) == 1
    assert world.journal.entries("sendMessage")[0].outcome == f"{status} {description}"
    assert await wire.result("sendMessage", chat_id=ada.id, text="x"), "a step is used up by one call"


async def test_a_script_says_what_becomes_of_one_call_after_another(world, wire):
    world.faults.add(Rule((Step(), Step(code=502), Step(code=504)), method="get*"))
    statuses = [(await wire.response(method)).status_code for method in ("getMe", "getUpdates", "getMe", "getMe")]
    assert statuses == [200, 502, 504, 200]


@pytest.mark.parametrize("after", [0, 10])
async def test_a_cut_answer_leaves_the_effect(world, ada, bot_user, wire, after):
    world.send(ada, bot_user, text="hello")
    world.faults.add(Rule((Step(cut_after=after),), method="sendMessage"))
    with pytest.raises(httpx.RemoteProtocolError):
        await wire.response("sendMessage", chat_id=ada.id, text="sent all the same")
    assert world.chat_with(ada.id, bot_user.id)[-1].text == "sent all the same"


async def test_latency_and_slow_answers_add_up(world, wire):
    loop = asyncio.get_running_loop()
    world.faults.bot_api.latency = 0.1
    world.faults.add(Rule((Step(delay=0.2),), method="getMe"))
    started = loop.time()
    await wire.result("getMe")
    assert spent(loop, started) >= 0.3


async def test_telegrams_clock_may_be_wrong(world, ada, bot_user, wire, clock):
    world.faults.bot_api.clock_skew = 300.0
    message = world.send(ada, bot_user, text="hello")
    assert message.date == int(clock.now) + 300
    told = (await wire.response("getMe")).headers["Date"]
    assert email.utils.parsedate_to_datetime(told).timestamp() == int(clock.now) + 300


# Downloads


async def collect(answer, got):
    async for block in answer.aiter_bytes():
        got += block


async def test_a_download_breaks_off_at_the_byte_that_was_ordered(world, wire, path, content):
    world.faults.add(Rule((Step(cut_after=MIB + 3),), method="download"))
    got = bytearray()
    async with wire.client.stream("GET", f"{wire.root}/file/bot{wire.token}/{path}") as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            await collect(answer, got)
    assert bytes(got) == content.read(0, MIB + 3)
    assert world.journal.entries("download")[0].outcome == f"cut after {MIB + 3} bytes"
    assert (await wire.download(path)).content == content.read(0, content.size)


@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [("bytes=0-99", 0, 100), (f"bytes={MIB}-", MIB, 3 * MIB + 5), ("bytes=-5", 3 * MIB, 3 * MIB + 5)],
)
async def test_a_range_is_served_and_told_in_the_journal(world, wire, path, content, wanted, first, end):
    url = f"{wire.root}/file/bot{wire.token}/{path}"
    answer = await wire.client.get(url, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == content.read(first, end - first)
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{content.size}"
    (entry,) = world.journal.entries("download")
    assert (entry.outcome, entry.via) == ("ok", {"first_byte": first, "end_byte": end})


async def test_a_range_behind_the_end_is_refused(wire, path, content):
    url = f"{wire.root}/file/bot{wire.token}/{path}"
    answer = await wire.client.get(url, headers={"Range": f"bytes={content.size}-"})
    assert answer.status_code == 416


async def test_a_rule_for_one_byte_meets_only_the_range_that_has_it(world, wire, path):
    world.faults.add(Rule((Step(code=503),), method="download", at_byte=MIB, repeat=True))
    url = f"{wire.root}/file/bot{wire.token}/{path}"
    ranges = (f"bytes=0-{MIB - 1}", f"bytes={MIB}-{MIB}", f"bytes={MIB + 1}-")
    statuses = [(await wire.client.get(url, headers={"Range": each})).status_code for each in ranges]
    assert statuses == [206, 503, 206]


@pytest.mark.parametrize("limit", ["connection_bandwidth", "account_bandwidth"])
async def test_downloads_take_their_time_each_or_all_together(world, wire, path, content, limit):
    loop = asyncio.get_running_loop()
    setattr(world.faults.bot_api, limit, content.size / 0.2)
    started = loop.time()
    both = await asyncio.gather(wire.download(path), wire.download(path))
    assert spent(loop, started) >= (0.4 if limit == "account_bandwidth" else 0.2)
    assert all(each.content == content.read(0, content.size) for each in both)
