"""Authorization keys: who is logged in with which, its salts and sessions, and use over two connections at once."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from telethon.tl import types

from teltubby_simulator.login_tokens import LoginToken
from teltubby_simulator.logins import Authorization
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.crypto import key_id
from teltubby_simulator.mtproto.lanes import Lane
from teltubby_simulator.mtproto.session import Session
from teltubby_simulator.passwords import Challenge

SALT_PERIOD = 1800  # seconds after which a new salt is told; each is good for two periods, as at Telegram
_MAX_SESSIONS = 256  # per key; a client makes one for each connection, the oldest are forgotten


class Link(Protocol):
    """What a key needs to know of a connection."""

    @property
    def over(self) -> bool:
        """True as soon as the client has closed it, whatever still waits to be read."""
        ...


@dataclass(frozen=True)
class Listener:
    """A session that has not asked to be spared updates, and the connection over which it was heard last."""

    link: Link
    tell: Callable[[Any], None]


@dataclass
class AuthKey:
    """One authorization key of one data centre; ``initialised`` by the first initConnection."""

    secret: bytes
    created: float  # Unix seconds
    first_salt: int  # signed, agreed on in the key exchange
    id: int = field(init=False)
    authorization: Authorization | None = None  # by a login, or carried here from another data centre
    initialised: bool = False
    owing: User | None = None  # has passed a code or accepted a token, and still owes the password
    challenge: Challenge | None = None  # the exchange about a password that is under way
    login_token: LoginToken | None = None  # the latest one shown as a QR code
    listeners: dict[int, Listener] = field(default_factory=dict)  # by session id
    lane: Lane = field(default_factory=Lane)
    sessions: OrderedDict[int, Session] = field(default_factory=OrderedDict)
    _senders: list[Link] = field(default_factory=list)  # connections that have sent requests, latest last

    def __post_init__(self) -> None:
        self.id = key_id(self.secret)

    @property
    def user(self) -> User | None:
        """The account logged in."""
        return self.authorization.user if self.authorization is not None and self.authorization.valid else None

    @property
    def duplicated(self) -> bool:
        """Whether the login is dead because one of its keys was used over two connections in parallel."""
        return self.authorization is not None and self.authorization.duplicated

    def session(self, session_id: int) -> Session:
        """Return a session; an unknown id starts a new one."""
        session = self.sessions.get(session_id) or Session(session_id)
        self.sessions[session_id] = session
        self.sessions.move_to_end(session_id)
        while len(self.sessions) > _MAX_SESSIONS:
            self.sessions.popitem(last=False)
        return session

    def salt(self, now: float) -> int:
        """Return the salt to be used now."""
        return self._salt_of(self._period(now))

    def accepts_salt(self, salt: int, now: float) -> bool:
        """Tell whether a client's salt is this period's or the last one's."""
        period = self._period(now)
        return salt in (self._salt_of(period), self._salt_of(period - 1))

    def future_salts(self, count: int, now: float) -> list[types.FutureSalt]:
        """Return this and the next salts with the times between which they are accepted."""
        first = self._period(now)
        start = int(self.created)
        return [
            types.FutureSalt(start + n * SALT_PERIOD, start + (n + 2) * SALT_PERIOD, self._salt_of(n))
            for n in range(first, first + count)
        ]

    def note_request(self, link: Link) -> None:
        """Take down that a request came over ``link``, and kill the login when two connections take turns.

        A second connection alone proves nothing: the first may be dead without anybody having told the server.
        Only an older one that sends again while the newer is open shows that both are in use. Connections to
        media-only addresses are not taken down here: core.telegram.org/api/errors allows and recommends them.
        """
        self._senders = [each for each in self._senders if not each.over or each is link]
        latest = self._senders[-1] if self._senders else None
        if latest is link:
            return
        if link in self._senders and not link.over:
            if self.authorization is not None:
                self.authorization.duplicated = True
            return
        self._senders.append(link)

    def forget(self, link: Link) -> None:
        """A connection is closed."""
        self.listeners = {session: each for session, each in self.listeners.items() if each.link is not link}
        self._senders = [each for each in self._senders if each is not link]

    def announce(self, update: Any) -> None:
        """Tell an update to every session that listens; without one it is lost, as clients know."""
        for listener in list(self.listeners.values()):
            listener.tell(update)

    def _period(self, now: float) -> int:
        return max(0, int(now - self.created)) // SALT_PERIOD

    def _salt_of(self, period: int) -> int:
        if period <= 0:
            return self.first_salt
        digest = hmac.digest(self.secret, b"salt %d" % period, hashlib.sha256)
        return int.from_bytes(digest[:8], "little", signed=True)
