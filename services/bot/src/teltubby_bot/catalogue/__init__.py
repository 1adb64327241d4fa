"""Every text that people see in the chat, in each language: ``en.ftl`` and ``de.ftl``, in Project Fluent's format.

Which language is spoken is a context variable, so that the functions that make texts need not pass it on.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources import files
from typing import Self

from fluent.runtime import FluentBundle, FluentResource

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""What is spoken, and how it calls itself."""
DEFAULT = "en"

_spoken: ContextVar[str] = ContextVar("spoken", default=DEFAULT)


class CatalogueError(Exception):
    """A text is asked for that is not there, or without what it needs: a defect of ours."""


def say(key: str, /, **values: str | int) -> str:
    """Return a text in the language that is spoken now.

    Args:
        key: its name in the catalogue.
        values: what it speaks of. Numbers choose between forms; what is to be shown to the digit comes as text.

    Raises:
        CatalogueError: there is no such text, or a value is missing.
    """
    bundle = _bundles[_spoken.get()]
    pattern = bundle.get_message(key).value if bundle.has_message(key) else None
    if pattern is None:
        raise CatalogueError(f"no text {key}")
    text, errors = bundle.format_pattern(pattern, values)
    if errors:
        raise CatalogueError(f"{key}: {errors[0]}")
    return str(text)


class Text(str):
    """A text for readers of several languages: in English as it is, for logs; ``recorded.said`` says it to a reader."""

    __slots__ = ("key", "values")
    key: str
    values: tuple[tuple[str, str | int], ...]

    def __new__(cls, key: str, /, **values: str | int) -> Self:
        """Take what ``say`` takes; values may be such texts too."""
        with speaking(DEFAULT):
            text = super().__new__(cls, say(key, **values))
        text.key, text.values = key, tuple(values.items())
        return text


def spoken() -> str:
    """Return the language that is spoken now."""
    return _spoken.get()


def language_for(tag: str | None) -> str:
    """Return the language of ours that suits an IETF tag."""
    code = (tag or "").lower().replace("_", "-").partition("-")[0]
    return code if code in LANGUAGES else DEFAULT


@contextmanager
def speaking(tag: str | None) -> Iterator[None]:
    """Speak the language that suits this tag within the block."""
    before = _spoken.set(language_for(tag))
    try:
        yield
    finally:
        _spoken.reset(before)


def _bundle(language: str) -> FluentBundle:
    bundle = FluentBundle([language], use_isolating=False)
    source = files(__name__).joinpath(f"{language}.ftl").read_text("utf-8")
    bundle.add_resource(FluentResource(source))
    return bundle


_bundles = {language: _bundle(language) for language in LANGUAGES}  # read here: no text may wait for the disk
