"""Troubles that a test or a demo can order: floods, slow answers, connections that break in mid-file."""

from dataclasses import dataclass


@dataclass
class Faults:
    """What is to go wrong. All of it is off at first; each order is used up as it happens, except ``latency``."""

    latency: float = 0.0
    """Seconds before each answer; requests in flight wait side by side."""

    _floods_left: int = 0
    _flood_error: str = ""
    _drop_after: int | None = None
    _refusals_left: int = 0

    def flood(self, seconds: int, calls: int = 1, *, premium: bool = False) -> None:
        """Refuse the next ``calls`` requests for file parts with FLOOD_WAIT or FLOOD_PREMIUM_WAIT."""
        self._floods_left = calls
        self._flood_error = f"FLOOD{'_PREMIUM' if premium else ''}_WAIT_{seconds}"

    def drop_after(self, served: int) -> None:
        """Break the connection on which byte number ``served`` of files is sent, counted from now."""
        self._drop_after = served

    def refuse_packets(self, packets: int = 1) -> None:
        """Answer the next packets with transport error 429, after each of which the connection is closed."""
        self._refusals_left = packets

    def clear(self) -> None:
        """Let everything go well again."""
        self.latency, self._floods_left, self._refusals_left, self._drop_after = 0.0, 0, 0, None

    def take_flood(self) -> str | None:
        """Return the error for a request for a file part, or None if it may go on."""
        if self._floods_left <= 0:
            return None
        self._floods_left -= 1
        return self._flood_error

    def take_refusal(self) -> bool:
        """Tell whether this packet is to be refused."""
        if self._refusals_left <= 0:
            return False
        self._refusals_left -= 1
        return True

    def take_drop(self, size: int) -> int | None:
        """Count ``size`` bytes about to be sent; return after how many of them the connection breaks, if so."""
        if self._drop_after is None:
            return None
        if size < self._drop_after:
            self._drop_after -= size
            return None
        cut, self._drop_after = self._drop_after, None
        return cut
