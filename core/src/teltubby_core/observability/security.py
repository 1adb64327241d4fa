"""What strangers and forgers try: every event is counted, the first of a minute are logged, a burst is alerted once.

It never sees what they sent.
"""

import logging
import time
from collections import deque
from collections.abc import Callable

from teltubby_core.observability.labels import SecurityKind
from teltubby_core.observability.metrics import Metrics

log = logging.getLogger(__name__)

_WINDOW = 60.0  # seconds that make a burst
_LOGGED = 10  # events of one kind a window; a flood of messages must not become a flood of lines


class SecurityLog:
    """Counts, logs and raises the alarm, each kind by itself."""

    def __init__(
        self,
        metrics: Metrics,
        on_burst: Callable[[SecurityKind, str], None],
        *,
        burst: int = 20,
        quiet_seconds: float = 3600.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_burst`` is told of ``burst`` events of one kind within a minute, not again for ``quiet_seconds``."""
        self._metrics = metrics
        self._on_burst = on_burst
        self._burst = burst
        self._quiet = quiet_seconds
        self._now = now
        self._recent = {kind: deque[float](maxlen=max(burst, _LOGGED)) for kind in SecurityKind}
        self._alerted_at: dict[SecurityKind, float] = {}
        self._unlogged = dict.fromkeys(SecurityKind, 0)

    def report(self, kind: SecurityKind, who: int | None = None) -> None:
        """Somebody tried something. ``who``: the user's or chat's id at Telegram, where there is one."""
        self._metrics.security_event(kind)
        now, recent = self._now(), self._recent[kind]
        recent.append(now)
        within = sum(at > now - _WINDOW for at in recent)
        self._log(kind, who, within)
        if within >= self._burst:
            self._alert(kind, now)

    def _log(self, kind: SecurityKind, who: int | None, within: int) -> None:
        if within > _LOGGED:
            self._unlogged[kind] += 1
            return
        left_out, self._unlogged[kind] = self._unlogged[kind], 0
        before = f" ({left_out} more before it were not logged)" if left_out else ""
        log.warning("%s%s%s", _spoken(kind), "" if who is None else f" from {who}", before)

    def _alert(self, kind: SecurityKind, now: float) -> None:
        at = self._alerted_at.get(kind)
        if at is None or now - at >= self._quiet:
            self._alerted_at[kind] = now
            self._on_burst(kind, f"{self._burst} or more within a minute: {_spoken(kind)}")


def _spoken(kind: SecurityKind) -> str:
    return {
        SecurityKind.STRANGER: "message of a user who is not on the whitelist",
        SecurityKind.FOREIGN_CHAT: "post in a group or channel",
        SecurityKind.FORGED_CALLBACK: "button pressed that was not made for this user",
        SecurityKind.WRONG_WEBHOOK_SECRET: "webhook call without the right secret",
        SecurityKind.REFUSED_COMMAND: "command or job refused",
    }[kind]
