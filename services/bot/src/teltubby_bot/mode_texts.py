"""The words of /mode: by what ways files come, and within what limits."""

from dataclasses import dataclass

from teltubby_bot import texts
from teltubby_bot.catalogue import say
from teltubby_bot.catalogue.recorded import reason
from teltubby_core.domain.routing import Limits
from teltubby_core.domain.sessions import SessionKind


@dataclass(frozen=True)
class Modes:
    """How this bot was set up. ``album_seconds``: how long it waits for more of an album."""

    limits: Limits
    concurrency: int
    dedup: bool
    album_seconds: float
    session_kind: SessionKind


def mode(modes: Modes, reception: str, bucket: str) -> str:
    """Answer /mode. ``reception``: by what messages are taken in."""
    limits = modes.limits
    return "\n".join(
        [
            say("mode-reception", how=reason(reception)),
            say("mode-small", limit=texts.size(limits.bot_api_bytes), count=str(modes.concurrency)),
            say("mode-large-bot" if modes.session_kind is SessionKind.BOT else "mode-large-user"),
            say("mode-largest", limit=texts.size(limits.max_file_bytes)),
            say("mode-albums", seconds=f"{modes.album_seconds:g}"),
            say("mode-dedup-on" if modes.dedup else "mode-dedup-off", bucket=bucket),
        ]
    )
