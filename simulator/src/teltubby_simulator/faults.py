"""Troubles on request. A test, a demo or a script orders them; both doors ask here before they answer.

Two kinds: a *rule* says what becomes of the calls that match it, one step a call and then it is used up; *conditions*
hold until they are changed: latency, bandwidth, a clock that is wrong. Nothing here knows a wire format: the doors
turn a step into their own words.

Below the calls lie two more things that a rule may name, and only by name: "connect", a client that comes, and
"packet", whatever an MTProto client sends. A rule for every method (``*``) leaves these alone.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from teltubby_simulator.journal import Door


@dataclass(frozen=True)
class Step:
    """What becomes of one call. The defaults let it pass.

    ``error`` is Telegram's own word for it ("FLOOD_WAIT_30", "Bad Gateway"), ``code`` its number; for floods
    ``retry_after`` is in seconds. ``cut_after`` closes the connection after so many bytes of the answer, 0 before any.
    At the MTProto door a ``code`` without an ``error`` is a transport error (404, 429, 444), which ends the connection.
    """

    delay: float = 0.0  # seconds before the answer
    code: int | None = None
    error: str | None = None
    retry_after: int | None = None
    cut_after: int | None = None


PASS = Step()
_BELOW_CALLS = frozenset({"connect", "packet"})
_FILE_PARTS = "upload.getFile"


@dataclass(frozen=True)
class Asked:
    """A call as far as rules look at it. ``first_byte`` and ``end_byte`` are the range of a file that it asks for."""

    door: Door
    method: str
    account: int | None = None
    dc_id: int | None = None
    media: bool | None = None  # MTProto: whether it came over a media-only address
    file_id: int | None = None
    first_byte: int | None = None
    end_byte: int | None = None

    @property
    def below_calls(self) -> bool:
        """Whether this is no call but what carries calls."""
        return self.method in _BELOW_CALLS


@dataclass(frozen=True)
class Rule:
    """Which calls, and what becomes of each in turn. None matches everything; ``method`` may hold * and ?.

    ``at_byte``: only calls whose range of a file contains this byte. ``repeat``: the steps start over for ever.
    """

    steps: tuple[Step, ...]
    door: Door | None = None
    method: str = "*"
    account: int | None = None
    dc_id: int | None = None
    media: bool | None = None
    file_id: int | None = None
    at_byte: int | None = None
    repeat: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a rule needs at least one step")

    def matches(self, asked: Asked) -> bool:
        """Tell whether a call is one of those meant."""
        pairs = (
            (self.door, asked.door),
            (self.account, asked.account),
            (self.dc_id, asked.dc_id),
            (self.media, asked.media),
            (self.file_id, asked.file_id),
        )
        return (
            all(wanted is None or wanted == found for wanted, found in pairs)
            and self._names(asked)
            and self._covers_byte(asked)
        )

    def _names(self, asked: Asked) -> bool:
        if asked.below_calls:
            return asked.method == self.method
        return fnmatchcase(asked.method.lower(), self.method.lower())

    def _covers_byte(self, asked: Asked) -> bool:
        if self.at_byte is None:
            return True
        if asked.first_byte is None:
            return False
        return asked.first_byte <= self.at_byte < (asked.end_byte or asked.first_byte)


@dataclass
class Conditions:
    """How things are at one door until somebody changes them. Seconds, and bytes a second; None is no limit."""

    latency: float = 0.0
    connection_bandwidth: float | None = None
    session_bandwidth: float | None = None  # MTProto: all connections of one authorization key
    account_bandwidth: float | None = None
    clock_skew: float = 0.0  # seconds that Telegram's clock runs ahead of ours
    media_connections: int | None = 8  # MTProto: of one account at a media-only address; further ones are closed
    media_connection_bytes: int | None = None  # MTProto: of files; a media-only connection closes after so many


@dataclass
class Faults:
    """All orders of one world."""

    bot_api: Conditions = field(default_factory=Conditions)
    mtproto: Conditions = field(default_factory=Conditions)
    _rules: dict[int, tuple[Rule, list[Step]]] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, rule: Rule) -> int:
        """Order a rule and return its number. Of several that match a call, the oldest acts alone."""
        number = next(iter(self._numbers))
        self._rules[number] = (rule, list(rule.steps))
        return number

    def flood(self, seconds: int, calls: int = 1, *, premium: bool = False, method: str = _FILE_PARTS) -> int:
        """Answer the next calls at the MTProto door with FLOOD_WAIT or FLOOD_PREMIUM_WAIT."""
        word = f"FLOOD{'_PREMIUM' if premium else ''}_WAIT_{seconds}"
        return self.fail(420, word, calls, method=method, retry_after=seconds)

    def fail(self, code: int, error: str, calls: int = 1, *, method: str, retry_after: int | None = None) -> int:
        """Answer the next calls of a method at the MTProto door with an error."""
        step = Step(code=code, error=error, retry_after=retry_after)
        return self.add(Rule((step,) * calls, "mtproto", method))

    def cut(self, at_byte: int, *, after: int = 1000, file_id: int | None = None) -> int:
        """Break the MTProto connection ``after`` bytes into the next answer that has this byte of a file."""
        return self.add(Rule((Step(cut_after=after),), "mtproto", _FILE_PARTS, file_id=file_id, at_byte=at_byte))

    def refuse_packets(self, packets: int = 1, code: int = 429) -> int:
        """Answer the next MTProto packets with a transport error, after each of which the connection ends."""
        return self.add(Rule((Step(code=code),) * packets, "mtproto", "packet"))

    def refuse_connections(self, connections: int = 1, *, media: bool | None = None, dc_id: int | None = None) -> int:
        """Close the next MTProto connections as soon as they come."""
        return self.add(Rule((Step(cut_after=0),) * connections, "mtproto", "connect", media=media, dc_id=dc_id))

    def remove(self, number: int) -> bool:
        """Take a rule back; tell whether it was still there."""
        return self._rules.pop(number, None) is not None

    def rules(self) -> dict[int, tuple[Rule, int]]:
        """Return what is still ordered: number → rule and how many of its steps are left."""
        return {number: (rule, len(left)) for number, (rule, left) in self._rules.items()}

    def take(self, asked: Asked) -> Step:
        """Return what becomes of this call; a step is used up by it."""
        for number, (rule, left) in self._rules.items():
            if not rule.matches(asked):
                continue
            step = left.pop(0)
            if not left and rule.repeat:
                left.extend(rule.steps)
            elif not left:
                del self._rules[number]
            return step
        return PASS

    def clear(self) -> None:
        """Let everything go well again."""
        self._rules.clear()
        self.bot_api, self.mtproto = Conditions(), Conditions()
