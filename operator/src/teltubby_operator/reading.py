"""Objects as the API has them, noted in the book; told of by a list or a watch."""

from collections.abc import Mapping
from typing import Any

from teltubby_operator.archive import Key, readable
from teltubby_operator.book import Book, Workers
from teltubby_operator.sessions import Slot

Body = Mapping[str, Any]


def archive(book: Book, body: Body, *, gone: bool = False) -> None:
    """Note a TeltubbyArchive."""
    book.archive(_key(body), None if _ends(body, gone) else readable(body))


def deployment(book: Book, body: Body, *, gone: bool = False) -> None:
    """Note a Deployment."""
    book.deployment(_key(body), None if _ends(body, gone) else Workers.read(body))


def autoscaler(book: Book, body: Body, *, gone: bool = False) -> None:
    """Note a HorizontalPodAutoscaler."""
    key, target = _key(body), body["spec"]["scaleTargetRef"]
    scales = not _ends(body, gone) and target["kind"] == "Deployment"
    book.autoscaler(key, Key(namespace=key.namespace, name=target["name"]) if scales else None)


def lease(book: Book, body: Body, *, gone: bool = False) -> None:
    """Note a session's Lease."""
    book.session(_key(body), None if _ends(body, gone) else Slot.read(body))


def _key(body: Body) -> Key:
    return Key(namespace=body["metadata"]["namespace"], name=body["metadata"]["name"])


def _ends(body: Body, gone: bool) -> bool:
    return gone or bool(body["metadata"].get("deletionTimestamp"))
