"""How a login becomes known at a data centre that is not its home: exported and imported, once for each."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from telethon.tl.functions.auth import ExportAuthorizationRequest, ImportAuthorizationRequest

from teltubby_core.domain.keyring import DataCentre, Keyring
from teltubby_core.errors import InfrastructureError, TeltubbyError, TransientError
from teltubby_core.ports import SessionLease
from teltubby_worker.mtproto.link import Connect, Connection
from teltubby_worker.mtproto.ration import Ration

log = logging.getLogger(__name__)

_MOST = 3
EXPORT_PERIOD = 3600.0
"""Seconds in which the login is exported to one data centre at most three times."""


class Exports:
    """Exports the login through ``call``, which asks its home. That earns floods too: 2 061 s were seen."""

    def __init__(self, call: Callable[[Any], Awaitable[Any]], connect: Connect) -> None:
        self._call = call
        self._connect = connect
        self._barred: dict[int, float] = {}  # until when
        self._rations: dict[int, Ration] = {}

    async def make_known(self, dc_id: int, centre: DataCentre, keys: Keyring, lease: SessionLease) -> Connection:
        """Return a connection to ``centre`` where the login is known; its key is in ``keys`` then, and kept.

        Raises:
            InfrastructureError: it was forgotten there too often.
            TransientError, PermanentError: Telegram's errors in our words.
        """
        ration = self._rations.setdefault(dc_id, Ration(_MOST, EXPORT_PERIOD))
        if left := ration.wait(_now()):
            raise InfrastructureError(
                f"data centre {dc_id} forgot the login {_MOST} times within the hour; it is told again in {left:.0f} s"
            )
        exported = await self._export(dc_id)
        ration.take(_now())
        link = self._connect(centre, None)
        await link.open(ImportAuthorizationRequest(id=exported.id, bytes=exported.bytes))
        keys.others[dc_id] = link.key
        log.info("session %s: the login is known at data centre %d too", lease.name, dc_id)
        try:
            await lease.save(keys.text())
        except TeltubbyError as error:
            log.warning("session %s: its new key is not kept over a restart: %s", lease.name, error)
        return link

    async def _export(self, dc_id: int) -> Any:
        if (left := self._barred.get(dc_id, 0.0) - _now()) > 0:
            raise TransientError("Telegram asks to wait before the login is exported", left)
        try:
            return await self._call(ExportAuthorizationRequest(dc_id))
        except TransientError as error:
            if error.retry_after is not None:  # asking again would only lengthen it, whichever file asks
                self._barred[dc_id] = _now() + error.retry_after
            raise


def _now() -> float:
    return asyncio.get_running_loop().time()
