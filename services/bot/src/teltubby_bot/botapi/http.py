"""The library's HTTP with an eye on the answers: what is no answer of the Bot API is told without its content."""

import json
from typing import Any

from telegram.error import NetworkError
from telegram.request import HTTPXRequest, RequestData

from teltubby_bot.botapi.errors import NoSuchPageError


class BotApiRequest(HTTPXRequest):
    """HTTPXRequest that tells 404 from 401, and keeps pages of proxies out of errors and logs.

    The library would put the body of such a page into its error's text, and log it.
    """

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *timeouts: Any, **named_timeouts: Any
    ) -> tuple[int, bytes]:
        """See BaseRequest.

        Raises:
            NoSuchPageError: HTTP 404.
            telegram.error.NetworkError: what should be a result is none, or no connection was made.
        """
        code, payload = await super().do_request(url, method, request_data, *timeouts, **named_timeouts)
        if code == 404:
            raise NoSuchPageError("404 Not Found")
        answer = _object(payload)
        if not 200 <= code < 300:
            return code, payload if answer is not None else b"{}"
        if answer is None or "result" not in answer:
            raise NetworkError(f"it answers HTTP {code}, but not as the Bot API does")
        return code, payload


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(payload.decode("utf-8", "replace"))
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
