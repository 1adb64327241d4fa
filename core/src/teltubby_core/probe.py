"""``python -m teltubby_core.probe URL``: show a page of a service from inside its container, where there is no curl.

For people, for a container's health check, and before a stop: ``--wait`` asks again until the service answers.
"""

import argparse
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

_SECONDS = 4.0  # for one answer
_PAUSE = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; return 0 when it came with status 200, else 1."""
    parser = argparse.ArgumentParser(prog="python -m teltubby_core.probe", description=__doc__)
    parser.add_argument("url", help="like http://127.0.0.1:8081/status")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="ask again for so long (default: once)"
    )
    options = parser.parse_args(arguments)
    deadline = time.monotonic() + options.wait
    while True:
        status, text = _asked(options.url)
        if status == 200 or time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE)
    out = sys.stdout if status else sys.stderr
    out.write(text if text.endswith("\n") else f"{text}\n")
    return 0 if status == 200 else 1


def _asked(url: str) -> tuple[int, str]:
    """Return status and body, or 0 and what was in the way."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  # the address is the caller's own
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        return 0, f"{url}: {getattr(error, 'reason', error)}"


if __name__ == "__main__":
    sys.exit(main())
