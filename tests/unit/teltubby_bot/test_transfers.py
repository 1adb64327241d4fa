"""Speed and time left, by the reports of workers."""

import pytest

from support import DATE
from teltubby_bot.catalogue import speaking
from teltubby_bot.texts import how_far
from teltubby_bot.transfers import Transfer, Transfers
from teltubby_core.domain.jobs import JobProgress

MB = 1024 * 1024


def _report(transfers: Transfers, done: int, now: float, job: str = "a") -> Transfer:
    transfers.report(JobProgress(job_id=job, at=DATE, done_bytes=done, total_bytes=100 * MB), now)
    return transfers.current[job]


def test_speed_is_that_of_the_last_seconds() -> None:
    transfers = Transfers()
    assert _report(transfers, 0, 100.0).speed is None
    for second in range(1, 20):
        _report(transfers, second * MB, 100.0 + second)
    latest = _report(transfers, 79 * MB, 139.0)
    assert latest.speed == pytest.approx(60 * MB / 20)
    assert latest.seconds_left == pytest.approx(7.0)


def test_a_transfer_that_began_anew_is_measured_anew() -> None:
    transfers = Transfers()
    _report(transfers, 50 * MB, 100.0)
    assert _report(transfers, 1 * MB, 101.0).speed is None
    assert _report(transfers, 3 * MB, 102.0).speed == pytest.approx(2 * MB)


def test_what_is_over_or_silent_is_forgotten() -> None:
    transfers = Transfers()
    for number in range(1001):
        _report(transfers, 1, 1.0, f"job {number}")
    assert "job 0" not in transfers.current
    assert len(transfers.current) == 1000
    transfers.forget("job 7")
    transfers.forget("job 7")
    assert "job 7" not in transfers.current


@pytest.mark.parametrize(
    ("transfer", "english", "german"),
    [
        (None, "being fetched", "wird geholt"),
        (Transfer(5, None), "being fetched", "wird geholt"),
        (Transfer(50, 100), "▰▰▰▰▰▱▱▱▱▱ 50 %", "▰▰▰▰▰▱▱▱▱▱ 50 %"),
        (Transfer(0, 100, 0.0), "▱▱▱▱▱▱▱▱▱▱ 0 %", "▱▱▱▱▱▱▱▱▱▱ 0 %"),
        (
            Transfer(10 * MB, 100 * MB, 5 * MB),
            "▰▱▱▱▱▱▱▱▱▱ 10 % · 5.0 MB/s · 20 s left",
            "▰▱▱▱▱▱▱▱▱▱ 10 % · 5.0 MB/s · noch 20 s",
        ),
        (
            Transfer(0, 3600 * MB, 10 * MB),
            "▱▱▱▱▱▱▱▱▱▱ 0 % · 10.0 MB/s · 6 min left",
            "▱▱▱▱▱▱▱▱▱▱ 0 % · 10.0 MB/s · noch 6 min",
        ),
        (
            Transfer(0, 4000 * MB, MB / 2),
            "▱▱▱▱▱▱▱▱▱▱ 0 % · 512.0 KB/s · 2 h 13 min left",
            "▱▱▱▱▱▱▱▱▱▱ 0 % · 512.0 KB/s · noch 2 h 13 min",
        ),
    ],
)
def test_how_far_in_words(transfer: Transfer | None, english: str, german: str) -> None:
    assert how_far(transfer) == english
    with speaking("de"):
        assert how_far(transfer) == german
