"""Which of a data centre's addresses may be used for what. Pure: it reads what help.getConfig told.

Two kinds matter. The main address takes logins, and with one key only one connection may send there
(AUTH_KEY_DUPLICATED). Media-only addresses serve files to any number of connections with the same key.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from teltubby_core.domain.keyring import DataCentre
from teltubby_core.errors import PermanentError


class Addresses:
    """The addresses of all data centres (``dcOption``)."""

    def __init__(self, options: Iterable[Any] = ()) -> None:
        # CDN addresses hold other files; those for obfuscated connections only don't take our transport.
        self._options = [option for option in options if not (option.cdn or option.tcpo_only)]

    def main(self, dc_id: int) -> DataCentre:
        """Return where to log in.

        Raises:
            PermanentError: no such address is known.
        """
        found = self._of(dc_id, media=False)
        if not found:
            raise PermanentError(f"Telegram names no address for its data centre {dc_id}")
        return found[0]

    def media(self, dc_id: int) -> Sequence[DataCentre]:
        """Return where files may be fetched in parallel; nothing when there is no such address."""
        return self._of(dc_id, media=True)

    def _of(self, dc_id: int, *, media: bool) -> list[DataCentre]:
        found = [option for option in self._options if option.id == dc_id and bool(option.media_only) is media]
        reachable = [option for option in found if not option.ipv6] or found
        return [DataCentre(dc_id, option.ip_address, option.port) for option in reachable]
