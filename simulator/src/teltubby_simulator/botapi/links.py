"""Which links Telegram takes in buttons and texts.

Source of the rules and sentences: tdlib/td, LinkManager::check_link and parse_url.
"""

import re
from urllib.parse import urlsplit

_SPECIAL = re.compile(r"(?:tg|ton|tonsite):(?://)?(?P<host>[^/?#]*)", re.IGNORECASE)
_SCHEME = re.compile(r"(?P<scheme>[^:/?#@\[\]]*)://")
_HOST = re.compile(r"[\w.!$,~*'();&+=%-]+")


class LinkError(ValueError):
    """A link that Telegram does not take, in its words."""


def check_link(link: str) -> str:
    """Return the link with its scheme. Raises LinkError."""
    special = _SPECIAL.match(link)
    if special is not None:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", special["host"]):
            raise LinkError("Unallowed characters in URL host" if special["host"] else "URL host is empty")
        return link
    host = host_of(link)
    if "." not in host and not host.startswith("["):
        raise LinkError("Wrong HTTP URL")
    return link if _SCHEME.match(link) else f"http://{link}"


def host_of(link: str) -> str:
    """Return the host of a web address, whose scheme may be left out. Raises LinkError."""
    found = _SCHEME.match(link)
    if found is not None and found["scheme"].lower() not in ("http", "https"):
        raise LinkError("Unsupported URL protocol")
    try:
        parts = urlsplit(link if found else f"http://{link}")
        port = parts.port
    except ValueError as error:
        raise LinkError("Wrong port number specified in the URL") from error
    if port == 0:
        raise LinkError("Wrong port number specified in the URL")
    host = parts.netloc.rpartition("@")[2]
    host = host if host.endswith("]") else host.partition(":")[0] if not host.startswith("[") else host
    if not host:
        raise LinkError("URL host is empty")
    if host == "." or not (host.startswith("[") or _HOST.fullmatch(host)):
        raise LinkError("Host is invalid")
    return host
