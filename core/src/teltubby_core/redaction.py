"""Texts without secrets: tokens, credentials in addresses and headers, the very secrets that are configured; captions.

Applied at the last moment to whatever leaves the process as text: log lines and health pages. It is a net, not a
licence: who writes a text leaves secrets, login codes and captions out.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretStr

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # 123456:ABC…, the colon also percent-encoded, once or twice
    (re.compile(r"[0-9]{5,}(?::|%(?:25)?3[Aa])[A-Za-z0-9_-]{30,}"), "<bot token>"),
    # amqp://user:password@host
    (re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@\"'<>\\]+@"), r"\1<credentials>@"),
    # Authorization: Bearer …, AWS4-HMAC-SHA256 Credential=…, Signature=… up to the end of the line or string
    (
        re.compile(
            r"(?i)(\b(?:authorization|cookie|x-telegram-bot-api-secret-token)\\?[\"']?\s*[:=]\s*(?:b?\\?[\"'])?)"
            r"[^\"'\r\n\\]+"
        ),
        r"\1<credentials>",
    ),
    # query parameters and keywords, as in presigned URLs
    (
        re.compile(
            r"(?i)((?<![A-Za-z0-9])(?:x-amz-signature|x-amz-credential|x-amz-security-token|awsaccesskeyid"
            r"|signature|secret_token|password|passwd|access_token|api_hash)(?:=|%3D))[^\s&\"'<>,;)\\]+"
        ),
        r"\1<secret>",
    ),
    # /mtcode and /mtpass with what was typed after them, up to the end of the line or JSON string
    (re.compile(r"(?i)(/mt(?:code|pass)(?:@\w+(?=\s))?)(?=[^\r\n\"]*\w)(?:\\.|[^\"\r\n\\])+"), r"\1 <hidden>"),
    # Telethon's requests of a login, as Python shows them
    (
        re.compile(
            r"((?<![A-Za-z0-9])(?:phone_number|phone_code|phone_code_hash|password)=)(?:'[^'\r\n]*'|\"[^\"\r\n]*\")"
        ),
        r"\1<secret>",
    ),
    # a QR picture's link
    (re.compile(r"(tg://login\?token=)[A-Za-z0-9_%=-]+"), r"\1<secret>"),
    # pydantic quotes what it refuses: a malformed message's caption, most likely
    (re.compile(r"input_value=.*?, input_type="), "input_value=<hidden>, input_type="),
    # an object's name ends with words of its caption (domain.keys.filename); without them it can still be found
    (
        re.compile(
            r"(\b[0-9]{8}-[0-9]{6}_[a-z0-9._-]{0,80}?_m[0-9]{1,20}[a-z0-9._-]{0,60}?_[0-9]{3,6})_[a-z0-9._-]*?"
            r"(?=(?:\.[a-z0-9]{1,16})?(?![a-z0-9._-]))"
        ),
        r"\1_…",
    ),
)
"""What they look like and what stands there instead."""
_PUBLIC = frozenset({"guest", "minioadmin"})
"""Defaults that everybody knows: to hide them would only make messages about them unreadable."""
_SHORTEST = 4
_LONG = 8
"""Secrets of at least this many characters are hidden anywhere, shorter ones where they stand as a word."""
_SECRET = "<secret>"  # noqa: S105


class Redactor:
    """Takes secrets out of texts: by their form, and ``secrets`` wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if _hideable(secret) for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)  # or the rest of a longer one would stay
        self._configured = re.compile("|".join(map(_expression, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without secrets."""
        if self._configured:
            text = self._configured.sub(_SECRET, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def secrets_of(settings: BaseModel) -> list[str]:
    """Return every secret that settings hold; of a list with commas also each by itself."""
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return [*values, *(part.strip() for value in values if "," in value for part in value.split(","))]


def _hideable(secret: str) -> bool:
    return len(secret) >= _SHORTEST and secret not in _PUBLIC


def _forms(secret: str) -> set[str]:
    """Return how a secret may be spelt: as it is, in an address, in Python's and in JSON's quotes."""
    return {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1]}


def _expression(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _LONG else rf"(?<![^\W_]){escaped}(?![^\W_])"
