"""What admins are told in their own chats because it needs a person: few messages, each worth reading.

They go beside the replies, in no order with them, and are not kept over a restart: what still is wrong then is told
anew by whoever sees it.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from teltubby_bot.catalogue import Text, speaking
from teltubby_bot.catalogue.recorded import said
from teltubby_bot.telegram import Writer
from teltubby_bot.texts import fitting
from teltubby_core.errors import ConfigurationError, PermanentError, TeltubbyError
from teltubby_core.observability import AlertKind, Metrics

log = logging.getLogger(__name__)

_COUNTED_AS = {
    "dead letter": AlertKind.DEAD_LETTER,
    "lost job": AlertKind.DEAD_LETTER,
    "quota": AlertKind.QUOTA,
    "parked updates": AlertKind.PARKED_UPDATE,
    "session": AlertKind.SESSION_LOST,
    "security": AlertKind.SECURITY,
}
"""What the words that group alerts are called in metrics; all others tell of an outage or its end."""
_MOST_UNSENT = 200  # messages; while Telegram can't be reached the oldest go first


@dataclass(frozen=True)
class AlertPace:
    """Seconds between two alerts of one kind, and for which a dependency must be away to be worth one."""

    kind_seconds: float = 600.0
    outage_seconds: float = 60.0


@dataclass
class _Topic:
    """Alerts of one kind that have not gone out yet: how many, and the words of the latest."""

    next_at: float = 0.0
    waiting: int = 0
    text: str = ""

    def take(self, now: float, pause: float) -> str:
        more, self.waiting, self.next_at = self.waiting - 1, 0, now + pause
        return Text("alert-more", text=self.text, count=str(more)) if more else self.text


@dataclass
class _Outage:
    since: float
    problem: str
    told: bool = False


class Alerts:
    """Tells admins: the first of a kind at once, what follows soon after it in one message later."""

    def __init__(
        self,
        telegram: Writer,
        admins: frozenset[int],
        *,
        pace: AlertPace | None = None,
        metrics: Metrics | None = None,
        language_of: Callable[[int], str | None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``language_of`` returns an admin's language; ``now`` seconds of a clock that nobody sets."""
        self._telegram = telegram
        self._admins = admins
        self._pace = pace or AlertPace()
        self._metrics = metrics or Metrics("bot")
        self._language_of = language_of
        self._now = now
        self._topics: dict[str, _Topic] = {}
        self._outages: dict[str, _Outage] = {}
        self._unsent: deque[tuple[int, str]] = deque(maxlen=_MOST_UNSENT)
        self.wake: Callable[[], None] = lambda: None
        """Called when there is something to send."""

    def tell(self, kind: str, text: str) -> None:
        """Tell all admins; ``kind`` is one of few words that group what need not be told one by one.

        A ``text`` of the catalogue's is said to each admin in their language, and logged in English.
        """
        log.warning("alert (%s): %s", kind, text)
        self._metrics.alert(_COUNTED_AS.get(kind, AlertKind.OUTAGE))
        topic = self._topics.setdefault(kind, _Topic())
        topic.waiting += 1
        topic.text = text
        self.wake()

    def dependency(self, name: str, problem: str | None) -> None:
        """Note that a dependency is away and why, or (None) that it answers. Told when it stays away, and when back."""
        outage = self._outages.get(name)
        if problem is not None:
            if outage is None:
                self._outages[name] = _Outage(self._now(), problem)
                self.wake()
            return
        if outage is not None:
            del self._outages[name]
            if outage.told:
                minutes = max(round((self._now() - outage.since) / 60), 1)
                self.tell(f"{name} is back", Text("alert-back", name=name, minutes=str(minutes)))

    async def step(self) -> float | None:
        """Send what is due; return the seconds until something will be.

        Raises:
            TransientError: Telegram takes nothing now; what was not sent is kept.
        """
        now = self._now()
        waits = [wait for name, outage in self._outages.items() if (wait := self._watch(name, outage, now)) is not None]
        for topic in self._topics.values():
            if topic.waiting and topic.next_at <= now:
                text = topic.take(now, self._pace.kind_seconds)
                self._unsent.extend((admin, self._said(admin, text)) for admin in sorted(self._admins))
        await self._send()
        waits += [topic.next_at - now for topic in self._topics.values() if topic.waiting]
        return min(waits, default=None)

    def _watch(self, name: str, outage: _Outage, now: float) -> float | None:
        """Tell of an outage that has lasted long enough; else return the seconds until it has."""
        left = outage.since + self._pace.outage_seconds - now
        if outage.told or left > 0:
            return None if outage.told else left
        outage.told = True
        seconds = f"{now - outage.since:.0f}"
        self.tell(f"{name} is away", Text("alert-away", name=name, seconds=seconds, problem=outage.problem))
        return None

    def _said(self, admin: int, text: str) -> str:
        with speaking(self._language_of(admin)):
            return fitting(said(text))

    async def _send(self) -> None:
        trouble: TeltubbyError | None = None
        for _ in range(len(self._unsent)):
            admin, text = self._unsent.popleft()
            try:
                await self._telegram.send(admin, text, None)
            except ConfigurationError:
                raise
            except PermanentError as error:
                log.warning("admin %d can't be told: %s", admin, error)
            except TeltubbyError as error:
                self._unsent.append((admin, text))
                trouble = error
        if trouble is not None:
            raise trouble
