"""This machine's clock against Telegram's, by the Date header of any answer."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import NoReturn

from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict
from teltubby_core.errors import TransientError

MOST_SECONDS = 30.0
"""MTProto refuses messages from more than 30 s in the future (core.telegram.org/mtproto/description#message-id)."""
_WORTH_TELLING = 3.0  # seconds: the header counts whole ones, and the way there takes some time

Times = tuple[float, float]
"""Ours and the server's, in Unix seconds, of about the same moment."""


async def look_at_clock(ask: Callable[[], Times]) -> Said:
    """Compare the clocks. ``ask`` blocks, so it runs in a thread."""
    ours, theirs = await asyncio.to_thread(ask)
    difference = ours - theirs
    how = f"{abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} Telegram's"
    if abs(difference) > MOST_SECONDS:
        yield Verdict.WRONG, f"{how}, which makes logins over MTProto fail – set it right, by NTP if you can"
    elif abs(difference) > _WORTH_TELLING:
        yield Verdict.FINE, f"{how}; up to {MOST_SECONDS:g} s do no harm"
    else:
        yield Verdict.FINE, "right by Telegram's"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the first answer has a date, too."""


def times_at(url: str, timeout: float) -> Times:
    """Ask the server at ``url`` for the time; each wait lasts at most ``timeout`` seconds. Blocks.

    Raises:
        TransientError: it can't be reached, or does not tell.
    """
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310  # http or https, by the settings
    began = time.time()
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:  # an answer all the same
        headers = error.headers
        error.close()
    except (OSError, HTTPException) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        _cannot_tell(f"its server can't be reached ({type(why).__name__})")
    ended = time.time()
    try:
        return (began + ended) / 2, parsedate_to_datetime(headers["Date"]).timestamp()
    except (TypeError, ValueError):
        _cannot_tell("its answer has no Date that can be read")


def _cannot_tell(why: str) -> NoReturn:
    raise TransientError(f"Telegram's time is not known: {why} – see what is said about Telegram above")
