"""What the connections of one data centre share, and what all data centres share."""

from collections import defaultdict
from dataclasses import dataclass, field

from teltubby_simulator.faults import Asked, Conditions, Step
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.crypto import ServerKey
from teltubby_simulator.mtproto.keys import AuthKey, Link
from teltubby_simulator.mtproto.lanes import Lane
from teltubby_simulator.mtproto.rpc import Site


class TooManyConnectionsError(Exception):
    """A connection to be closed because its account has too many."""


@dataclass
class Hub:
    """One data centre: the server's own key, the keys agreed on with clients here, and the site where calls are made.

    ``lanes`` holds each account's bandwidth and is the same for all data centres.
    """

    site: Site
    server_key: ServerKey
    lanes: defaultdict[int, Lane]
    keys: dict[int, AuthKey] = field(default_factory=dict)
    _media_links: defaultdict[int, set[Link]] = field(default_factory=lambda: defaultdict(set))

    @property
    def conditions(self) -> Conditions:
        return self.site.world.faults.mtproto

    def register(self, key: AuthKey) -> bool:
        """Keep a fresh key; False if another one already has its id."""
        return self.keys.setdefault(key.id, key) is key

    def below_calls(self, method: str, key: AuthKey | None, *, media: bool) -> Step:
        """Return what is ordered for a connection that comes ("connect") or a "packet"."""
        account = key.user.id if key is not None and key.user is not None else None
        return self.site.world.faults.take(Asked("mtproto", method, account, self.site.dc_id, media))

    def admit(self, link: Link, user: User) -> None:
        """Count a connection of an account to the media-only address.

        Raises:
            TooManyConnectionsError: the account has enough of them.
        """
        links = self._media_links[user.id]
        limit = self.conditions.media_connections
        if link not in links and limit is not None and len(links) >= limit:
            raise TooManyConnectionsError(f"account {user.id} has {limit} media connections already")
        links.add(link)

    def leave(self, link: Link) -> None:
        """A connection is closed."""
        for links in self._media_links.values():
            links.discard(link)
