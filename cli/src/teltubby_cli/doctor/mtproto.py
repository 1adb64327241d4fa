"""MTProto, over which large files come: settings, the way there, a kept login. Never logs in: logins earn floods."""

import asyncio
from collections.abc import Awaitable, Callable

from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict
from teltubby_core.errors import TransientError

Reach = Callable[[str, int], Awaitable[None]]


async def look_at_mtproto(
    missing: str | None, server: tuple[str, int], logins: int | None, reach: Reach, *, needed: bool
) -> Said:
    """Look at the way to Telegram's data centre ``server``.

    ``missing`` says which settings are, which is wrong when they are ``needed``. ``logins``: how many are kept in the
    database, None when that can't be told.
    """
    if missing is not None:
        yield Verdict.WRONG if needed else Verdict.NOT_CHECKED, f"{missing}: files over 20 MB wait as jobs until then"
        return
    host, port = server
    await reach(host, port)
    yield Verdict.FINE, f"{host}:{port} accepts connections"
    if logins:
        yield Verdict.FINE, "a login is kept in the database"
    elif logins is not None:
        yield Verdict.FINE, "no login is kept yet; the worker logs in with its first job"


async def reach(host: str, port: int) -> None:
    """Connect and hang up.

    Raises:
        TransientError: nobody accepts the connection.
    """
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise TransientError(
            f"{host}:{port} can't be reached ({why}) – check the network and MTPROTO_SERVER"
        ) from error
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:  # it hung up first
        return
