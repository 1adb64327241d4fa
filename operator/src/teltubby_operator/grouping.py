"""Which broker each archive has its queue at, and what is known of it there."""

import asyncio
import time
from collections.abc import Callable

from teltubby_core.errors import InfrastructureError, TransientError
from teltubby_operator.archive import Archive, Key, SecretKeys
from teltubby_operator.book import Book
from teltubby_operator.broker import Access, Management
from teltubby_operator.cluster import Cluster
from teltubby_operator.conditions import Trouble
from teltubby_operator.sites import Reading, Site
from teltubby_operator.troubles import TroubleError

_SECRET_SECONDS = 60.0
"""So long what a Secret said is believed."""
_RETRY_SECONDS = 5.0
_GATHER_SECONDS = 0.2
"""Archives that come together are grouped together."""


class Sites:
    """Brokers' virtual hosts, one for all archives that share it.

    ``evaluate`` is told an archive's key when there is something to decide.
    """

    def __init__(self, book: Book, cluster: Cluster, management: Management, evaluate: Callable[[Key], None]) -> None:
        self._book = book
        self._cluster = cluster
        self._management = management
        self._evaluate = evaluate
        self._sites: dict[Access, Site] = {}
        self._site_of: dict[Key, Site] = {}
        self._no_access: dict[Key, Trouble] = {}
        self._secrets: dict[tuple[str, str, SecretKeys], tuple[float, tuple[str, str]]] = {}
        self._changed = asyncio.Event()

    @property
    def silent_for(self) -> float:
        """Seconds since the slowest broker's last poll ended, beyond the pause that it is due."""
        now = time.monotonic()
        return max((now - site.polled_at - site.every for site in self._sites.values()), default=0.0)

    def changed(self) -> None:
        """Look again at which archives there are."""
        self._changed.set()

    def reading(self, key: Key) -> Reading:
        """Return what is known of an archive's queue."""
        if trouble := self._no_access.get(key):
            return Reading(trouble=trouble)
        site = self._site_of.get(key)
        return site.reading(key) if site else Reading()

    async def run(self) -> None:
        """Keep them, until it is cancelled."""
        try:
            while True:
                self._changed.clear()
                await self._group()
                try:
                    async with asyncio.timeout(_RETRY_SECONDS if self._no_access else _SECRET_SECONDS):
                        await self._changed.wait()
                except TimeoutError:
                    continue
                await asyncio.sleep(_GATHER_SECONDS)
        finally:
            await asyncio.gather(*(site.stop() for site in self._sites.values()))

    async def _group(self) -> None:
        groups: dict[Access, dict[Key, Archive]] = {}
        no_access: dict[Key, Trouble] = {}
        for key, archive in list(self._book.archives.items()):
            try:
                groups.setdefault(await self._access(archive), {})[key] = archive
            except TroubleError as error:
                no_access[key] = Trouble(error.reason, str(error))
            except (TransientError, InfrastructureError) as error:
                no_access[key] = Trouble("SecretUnreadable", str(error))
        for access in self._sites.keys() - groups.keys():
            await self._sites.pop(access).stop()
        self._site_of = {}
        for access, archives in groups.items():
            site = self._sites.get(access)
            if site is None:
                site = self._sites[access] = Site(access, self._management, self._evaluate)
                site.serve(archives)
                site.start()
            else:
                site.serve(archives)
            self._site_of |= dict.fromkeys(archives, site)
        self._no_access = no_access
        for key in no_access:
            self._evaluate(key)

    async def _access(self, archive: Archive) -> Access:
        queue, now = archive.spec.queue, time.monotonic()
        name = (archive.key.namespace, queue.secret_name, queue.secret_keys)
        read_at, login = self._secrets.get(name, (0.0, ("", "")))
        if not login[0] or now - read_at > _SECRET_SECONDS * 0.9:
            login = await self._cluster.credentials(*name)
            self._secrets[name] = (now, login)
        return Access(queue.amqp_url, queue.management_url, queue.vhost, *login)
