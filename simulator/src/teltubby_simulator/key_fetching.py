"""The public key of a simulator that runs elsewhere, for whoever starts its clients there."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_ANSWER_SECONDS = 5.0
_PAUSE = 0.5


def fetch_key(control_url: str, target: Path, wait: float) -> int:
    """Write the key to ``target`` as soon as that simulator answers; return 0, or 1 after ``wait`` seconds."""
    address = f"{control_url.rstrip('/')}/mtproto"
    deadline = time.monotonic() + wait
    while True:
        try:
            with urllib.request.urlopen(address, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310  # the caller's own
                target.write_text(json.load(answer)["public_key"], "utf-8")
        except urllib.error.HTTPError as error:
            return _failed(f"{address} answers {error.code}: is that the control API of a simulator with MTProto?")
        except (OSError, ValueError, KeyError) as error:
            if time.monotonic() >= deadline:
                return _failed(f"no key from {address} within {wait:g} s: {getattr(error, 'reason', error)}")
        else:
            return 0
        time.sleep(_PAUSE)


def _failed(sentence: str) -> int:
    sys.stderr.write(f"teltubby-simulator: {sentence}\n")
    return 1
