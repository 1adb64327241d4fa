"""The way to the data centre, without a login."""

import asyncio

import pytest

from teltubby_cli.doctor.finding import Verdict
from teltubby_cli.doctor.mtproto import look_at_mtproto, reach
from teltubby_core.errors import TransientError
from testbed.processes import free_port
from unit.teltubby_cli.doctor_bench import Fakes, said

SERVER = ("149.154.167.51", 443)


@pytest.mark.parametrize(("needed", "verdict"), [(True, Verdict.WRONG), (False, Verdict.NOT_CHECKED)])
async def test_missing_credentials_are_wrong_where_they_are_needed(needed: bool, verdict: Verdict):
    fakes = Fakes()
    lines = await said(look_at_mtproto("MTPROTO_API_ID not set", SERVER, 0, fakes.world().reach, needed=needed))
    assert lines == [(verdict, "MTPROTO_API_ID not set: files over 20 MB wait as jobs until then")]
    assert fakes.reached == []


@pytest.mark.parametrize(
    ("logins", "text"), [(1, "a login is kept"), (0, "no login is kept yet; the worker logs in"), (None, None)]
)
async def test_the_data_centre_is_reached_and_a_kept_login_told(logins: int | None, text: str | None):
    fakes = Fakes()
    lines = await said(look_at_mtproto(None, SERVER, logins, fakes.world().reach, needed=True))
    assert fakes.reached == [SERVER]
    assert lines[0] == (Verdict.FINE, "149.154.167.51:443 accepts connections")
    assert [line.startswith(text) for _, line in lines[1:] if text] == ([True] if text else [])


async def test_reaching_sends_nothing():
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        await reach(host, port)
        assert await received == b""


async def test_nobody_there_is_told_with_the_setting():
    with pytest.raises(TransientError, match="MTPROTO_SERVER"):
        await reach("127.0.0.1", free_port())
