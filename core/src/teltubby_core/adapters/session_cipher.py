"""How logins are encrypted, wherever they lie: Fernet, the newest key first, older ones for what they wrote."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from teltubby_core.errors import ConfigurationError

log = logging.getLogger(__name__)

SETTING = "SESSION_ENCRYPTION_KEYS"


@dataclass(frozen=True)
class Opened:
    """A content, and whether it is to be written anew because an older key opened it."""

    content: str
    outdated: bool


class SessionCipher:
    """Seals with the first of the Fernet ``keys``, opens with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys.

        Raises:
            ConfigurationError: there is no key, or one is malformed.
        """
        if not keys:
            raise ConfigurationError([f"{SETTING}: there is no key"])
        wrong = [number for number, key in enumerate(keys, 1) if not is_key(key)]
        if wrong:
            raise ConfigurationError(
                [f"{SETTING}: key {number} is not a Fernet key (32 bytes in url-safe base64)" for number in wrong]
            )
        ciphers = [Fernet(key) for key in keys]
        self._newest, self._any = ciphers[0], MultiFernet(ciphers)

    def seal(self, content: str) -> bytes:
        """Return it encrypted, in url-safe base64."""
        return self._newest.encrypt(content.encode())

    def open(self, token: bytes, name: str) -> Opened | None:
        """Return the content of session ``name``; None when no key opens it, which is logged."""
        try:
            return Opened(self._newest.decrypt(token).decode(), outdated=False)
        except InvalidToken:
            pass
        try:
            return Opened(self._any.decrypt(token).decode(), outdated=True)
        except InvalidToken:
            log.warning("%s: no key opens session %s; it counts as empty, for a new login", SETTING, name)
            return None


def is_key(text: str) -> bool:
    """Whether this is a Fernet key."""
    try:
        Fernet(text)
    except ValueError:
        return False
    return True
