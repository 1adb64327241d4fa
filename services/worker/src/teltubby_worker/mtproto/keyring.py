"""What is kept of a login: the key of the bot's home data centre, and one for each other that it was exported to.

Whoever has these keys is logged in as the bot: the text is a secret, and the session store encrypts it.
"""

import base64
import binascii
import json
import logging
import struct
from dataclasses import dataclass, field
from typing import Any

from telethon.sessions import StringSession

from teltubby_worker.mtproto.link import DataCentre

log = logging.getLogger(__name__)

_KEY_SIZE = 256  # bytes; core.telegram.org/mtproto/auth_key


@dataclass
class Keyring:
    """Keys by data centre. ``others`` grows as files are fetched from other data centres."""

    home: DataCentre
    key: bytes = field(repr=False)
    others: dict[int, bytes] = field(default_factory=dict, repr=False)

    def text(self) -> str:
        """Return it in the form that ``read`` takes."""
        content = {
            "dc": self.home.dc_id,
            "host": self.home.host,
            "port": self.home.port,
            "key": _encode(self.key),
            "others": {str(dc_id): _encode(key) for dc_id, key in self.others.items()},
        }
        return json.dumps(content)


def read(text: str | None) -> Keyring | None:
    """Return what was kept, None when there is nothing or it can't be read. Never raises: a login replaces it."""
    if not text:
        return None
    try:
        return _from_json(json.loads(text)) if text.startswith("{") else _from_string_session(text)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        log.warning("the stored session can't be read; logging in anew")
        return None


def _from_json(content: dict[str, Any]) -> Keyring:
    home = DataCentre(int(content["dc"]), str(content["host"]), int(content["port"]))
    others = {int(dc_id): _decode(key) for dc_id, key in content["others"].items()}
    return Keyring(home, _decode(content["key"]), others)


def _from_string_session(text: str) -> Keyring | None:
    # Until data centres beside the home were kept, it was Telethon's own form.
    stored = StringSession(text)
    if not stored.auth_key:
        return None
    return Keyring(DataCentre(stored.dc_id, stored.server_address, stored.port), stored.auth_key.key)


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
