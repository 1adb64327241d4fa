"""What fits into an archive, and when it counts as nearly full."""

import pytest

from teltubby_core.domain.quota import Quota, Usage, nearly_full


@pytest.mark.parametrize(
    ("limit", "stored", "jobs", "size", "fits"),
    [
        (None, 10**18, 0, 10**18, True),  # no limit
        (100, 0, 0, 100, True),  # to the last byte
        (100, 0, 0, 101, False),
        (100, 60, 0, 40, True),
        (100, 60, 0, 41, False),
        (100, 40, 20, 41, False),  # what is on its way counts
        (100, 40, 20, 40, True),
        (100, 99, 0, None, True),  # of unknown size: while there is room at all
        (100, 100, 0, None, False),
        (100, 99, 0, 0, True),
        (100, 100, 0, 0, False),  # full is full
        (100, 250, 0, 0, False),  # the limit was lowered
    ],
)
def test_what_fits(limit: int | None, stored: int, jobs: int, size: int | None, fits: bool) -> None:
    assert Quota(limit).fits(Usage(stored, jobs), size) is fits


@pytest.mark.parametrize(
    ("limit", "usage", "ratio"),
    [
        (None, Usage(5), None),
        (100, Usage(0), 0.0),
        (100, Usage(30, 50), 0.8),
        (100, Usage(150), 1.5),
    ],
)
def test_the_share_that_is_taken(limit: int | None, usage: Usage, ratio: float | None) -> None:
    assert Quota(limit).ratio(usage) == ratio


@pytest.mark.parametrize(
    ("ratio", "was", "is_now"),
    [
        (0.0, False, False),
        (0.79, False, False),
        (0.80, False, True),
        (1.2, False, True),
        (0.80, True, True),
        (0.79, True, True),  # it stays what it was
        (0.75, True, True),
        (0.749, True, False),
        (0.76, False, False),
    ],
)
def test_nearly_full_from_80_percent_until_below_75(ratio: float, was: bool, is_now: bool) -> None:
    assert nearly_full(ratio, was) is is_now
