"""Troubles on request. A test, a demo or a script orders them; both doors ask here before they answer.

Two kinds: a *rule* says what becomes of the calls that match it, one step a call and then it is used up; *conditions*
hold until they are changed: latency, bandwidth, a clock that is wrong. Nothing here knows a wire format: the doors
turn a step into their own words.
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
    """

    delay: float = 0.0  # seconds before the answer
    code: int | None = None
    error: str | None = None
    retry_after: int | None = None
    cut_after: int | None = None


PASS = Step()


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
            and fnmatchcase(asked.method.lower(), self.method.lower())
            and self._covers_byte(asked)
        )

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
