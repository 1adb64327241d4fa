"""How far the jobs that run are, by what their workers report: bytes, speed, time left."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from teltubby_core.domain.jobs import JobProgress

_WINDOW = 15.0  # seconds of reports that the speed is taken from
_MOST = 1000  # jobs; reports of those that were silent longest are forgotten first


@dataclass(frozen=True)
class Transfer:
    """Bytes done and in all (None when nobody knows), and bytes a second of late (None before it can be told)."""

    done: int
    total: int | None
    speed: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until it is done at this speed."""
        if self.total is None or not self.speed:
            return None
        return max(self.total - self.done, 0) / self.speed


class Transfers:
    """Keeps the latest reports of each job."""

    def __init__(self) -> None:
        self._reports: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()
        self._current: dict[str, Transfer] = {}

    @property
    def current(self) -> Mapping[str, Transfer]:
        """How far each is, by job_id."""
        return self._current

    def report(self, event: JobProgress, now: float) -> None:
        """Take a report that came at ``now`` (Unix seconds). A transfer that began anew is measured anew."""
        reports = self._reports.setdefault(event.job_id, deque())
        self._reports.move_to_end(event.job_id)
        if reports and event.done_bytes < reports[-1][1]:
            reports.clear()
        reports.append((now, event.done_bytes))
        while len(reports) > 2 and reports[1][0] <= now - _WINDOW:
            reports.popleft()
        self._current[event.job_id] = Transfer(event.done_bytes, event.total_bytes, _speed(reports))
        while len(self._reports) > _MOST:
            self.forget(next(iter(self._reports)))

    def forget(self, job_id: str) -> None:
        """It is over."""
        self._reports.pop(job_id, None)
        self._current.pop(job_id, None)


def _speed(reports: deque[tuple[float, int]]) -> float | None:
    (began, at_first), (now, at_last) = reports[0], reports[-1]
    return (at_last - at_first) / (now - began) if now > began else None
