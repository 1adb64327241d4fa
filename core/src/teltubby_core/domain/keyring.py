"""What is kept of a login: the key of its home data centre, and one for each other that it was exported to.

Whoever has these keys is logged in: the text is a secret, and the session store encrypts it.
"""

import base64
import binascii
import json
import logging
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

_KEY_SIZE = 256  # bytes; core.telegram.org/mtproto/auth_key


@dataclass(frozen=True)
class DataCentre:
    """Where a data centre listens. ``host`` is a name or an IP address."""

    dc_id: int
    host: str
    port: int


@dataclass
class Keyring:
    """Keys by data centre. ``others`` grows as files are fetched from other data centres."""

    home: DataCentre
    key: bytes = field(repr=False)
    others: dict[int, bytes] = field(default_factory=dict, repr=False)
    account: int | None = None
    """User id of who is logged in; None in one that was kept before this was."""

    def text(self) -> str:
        """Return it in the form that ``read`` takes."""
        content = {
            "dc": self.home.dc_id,
            "host": self.home.host,
            "port": self.home.port,
            "key": _encode(self.key),
            "others": {str(dc_id): _encode(key) for dc_id, key in self.others.items()},
            "account": self.account,
        }
        return json.dumps(content)


def read(text: str | None) -> Keyring | None:
    """Return what was kept, None when there is nothing or it can't be read. Never raises: a login replaces it."""
    if not text:
        return None
    try:
        return _from_json(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("the stored session can't be read; a new login is needed")
        return None


def _from_json(content: dict[str, Any]) -> Keyring:
    home = DataCentre(int(content["dc"]), str(content["host"]), int(content["port"]))
    others = {int(dc_id): _decode(key) for dc_id, key in content["others"].items()}
    account = content.get("account")
    return Keyring(home, _decode(content["key"]), others, None if account is None else int(account))


def _encode(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(key) != _KEY_SIZE:
        raise ValueError(f"a key has {_KEY_SIZE} bytes")
    return key
