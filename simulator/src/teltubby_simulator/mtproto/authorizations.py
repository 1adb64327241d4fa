"""Logins on their way from one data centre to another.

Source: core.telegram.org/api/datacenter#authorization-transfer. How long exported bytes are good is not documented;
clients import them at once.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from teltubby_simulator.logins import Authorization

EXPORT_LIFETIME = 60.0  # seconds
_EXPORT_SIZE = 128  # bytes
_MAX_EXPORTS = 1000  # that wait to be imported; the oldest are forgotten


@dataclass(frozen=True)
class _Export:
    authorization: Authorization
    dc_id: int
    good_until: float


class Exports:
    """Authorizations on their way. Each is good once, for a short time, and only where it was meant for."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[bytes, _Export] = {}

    def issue(self, authorization: Authorization, dc_id: int) -> bytes:
        """Return the bytes that carry an authorization to a data centre."""
        token = secrets.token_bytes(_EXPORT_SIZE)
        self._waiting[token] = _Export(authorization, dc_id, self._now() + EXPORT_LIFETIME)
        while len(self._waiting) > _MAX_EXPORTS:
            del self._waiting[next(iter(self._waiting))]
        return token

    def look_up(self, token: bytes, dc_id: int) -> Authorization | None:
        """Return what ``token`` carries to this data centre, or None if it is good for nothing there."""
        export = self._waiting.get(token)
        if export is None or export.dc_id != dc_id or export.good_until < self._now():
            return None
        return export.authorization if export.authorization.valid else None

    def use_up(self, token: bytes) -> None:
        """The token has been imported."""
        self._waiting.pop(token, None)
