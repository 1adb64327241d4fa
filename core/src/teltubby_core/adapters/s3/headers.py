"""What goes into HTTP headers: content type and metadata. ASCII only, and nothing that ends a header."""

import re
from collections.abc import Mapping
from urllib.parse import quote

UNKNOWN_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?[A-Za-z0-9-]+=[A-Za-z0-9_.+-]+)*")
_PLAIN = "!\"#$&'()*+,/:;<=>?@[\\]^`{|}"


def content_type(given: str) -> str:
    """Return ``given`` where it is a media type (RFC 9110, 8.3.1), else the one of bytes that nobody knows."""
    return given if _TYPE.fullmatch(given) else UNKNOWN_TYPE


def metadata(given: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata as S3 takes it.

    Values: what is not printable ASCII, blanks and ``%`` are percent-encoded UTF-8; ``urllib.parse.unquote`` gives
    the value back. Names: ``_`` becomes ``-``, since proxies drop headers with underscores.
    """
    return {name.lower().replace("_", "-"): quote(value, safe=_PLAIN) for name, value in given.items()}
