"""What all connections of one server share."""

from dataclasses import dataclass, field

from teltubby_simulator.mtproto.crypto import ServerKey
from teltubby_simulator.mtproto.keys import AuthKey
from teltubby_simulator.mtproto.rpc import Site


@dataclass(frozen=True)
class Hub:
    """The server's own key, the keys agreed on with clients, and the site where calls are made."""

    site: Site
    server_key: ServerKey
    keys: dict[int, AuthKey] = field(default_factory=dict)

    def register(self, key: AuthKey) -> bool:
        """Keep a fresh key; False if another one already has its id."""
        return self.keys.setdefault(key.id, key) is key
