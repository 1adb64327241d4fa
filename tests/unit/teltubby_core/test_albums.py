"""Each item restarts the window; the ceiling ends it all the same."""

import pytest

from teltubby_core.domain.albums import AlbumWindow


@pytest.mark.parametrize(
    ("last_at", "closes_at"),
    [(100.0, 102.0), (101.5, 103.5), (107.9, 109.9), (108.5, 110.0), (109.9, 110.0)],
)
def test_an_album_closes_after_its_window_or_at_its_ceiling(last_at: float, closes_at: float) -> None:
    assert AlbumWindow(2.0, 10.0).closes_at(100.0, last_at) == closes_at
