"""When an album is complete enough to be archived. Telegram sends its items apart and never says how many."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AlbumWindow:
    """Seconds to wait for further items of one media_group_id.

    Each item restarts ``window_seconds``; ``ceiling_seconds`` after the first item the album closes all the same,
    so that a slow stream of items can't hold it open for ever. A later item joins the closed album.
    """

    window_seconds: float = 2.0
    ceiling_seconds: float = 20.0

    def closes_at(self, first_at: float, last_at: float) -> float:
        """Return the Unix time at which an album with these arrival times closes."""
        return min(last_at + self.window_seconds, first_at + self.ceiling_seconds)
