"""Webhook mode: Telegram is told where to bring updates, and watched whether it can.

What arrives is the receiver's; this one knows addresses and Telegram's own account of its deliveries.
"""

import asyncio
import logging
from urllib.parse import urlsplit

from teltubby_bot.telegram import Telegram, WebhookInfo
from teltubby_bot.webhook import Receiver, WebhookOptions
from teltubby_core.errors import ConfigurationError, PermanentError
from teltubby_core.ports import Clock

log = logging.getLogger(__name__)

CONNECTIONS = 10
"""Most deliveries at a time.

Telegram keeps the order within a chat in practice, but promises none
(core.telegram.org/bots/api#update); the fewer are under way, the less can be overtaken. Ten bring 50 updates a second
when each takes 200 ms there and back, its commit (a few ms) included.
"""
_CATCHING_UP_SECONDS = 1.0  # between looks until nothing waits any more
_IN_TROUBLE_SECONDS = 15.0
_ALL_WELL_SECONDS = 120.0
_LONGEST_CATCHING_UP = 90.0
"""Seconds that albums wait for what waits at Telegram: its longest pause between two tries is a minute."""
_TROUBLE_LASTS = 180.0  # seconds after the last news of it, while there is something to deliver at all

_UNAUTHORIZED = "401"
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        _UNAUTHORIZED,
        "another program set another secret, or a proxy takes the header away; Telegram is told ours again",
    ),
    ("404", "what listens at WEBHOOK_URL does not pass it on to WEBHOOK_PORT under the same path"),
    ("503", "the bot could not store it, or the proxy does not reach the bot; see the lines before"),
    ("413", "an update is larger than the bot or the proxy before it takes"),
    ("502", "the proxy at WEBHOOK_URL does not reach WEBHOOK_HOST and WEBHOOK_PORT"),
    ("ssl", "the certificate at WEBHOOK_URL is not one that Telegram trusts"),
    ("certificate", "the certificate at WEBHOOK_URL is not one that Telegram trusts"),
    ("resolve", "the host in WEBHOOK_URL is not known"),
    ("refused", "nothing listens at WEBHOOK_URL"),
    ("timed out", "WEBHOOK_URL can't be reached from the internet, or answers too late"),
    ("timeout", "WEBHOOK_URL can't be reached from the internet, or answers too late"),
)
"""What a sentence of Telegram's means here; it tells them apart by text only."""


class WebhookReception:
    """Keeps the webhook set. On a stop it stays so: updates wait at Telegram."""

    name = "webhook"
    how = "a webhook"

    def __init__(self, telegram: Telegram, receiver: Receiver, clock: Clock, options: WebhookOptions) -> None:
        self._telegram = telegram
        self._receiver = receiver
        self._clock = clock
        self._options = options
        self._opened_at = 0.0
        self._error_at: int | None = None  # of the latest error that we know of
        self._troubled_at = 0.0
        self.trouble: str | None = None
        self.caught_up = asyncio.Event()
        """Set once Telegram has nothing left to deliver, or has had long enough."""

    async def open(self) -> None:
        """Listen first, so that the first delivery finds somebody, then tell Telegram."""
        await self._receiver.open()
        try:
            await self._register()
        except PermanentError as error:
            raise ConfigurationError([f"WEBHOOK_URL: {error}"]) from error
        self._opened_at = self._clock.now()
        info = await self._telegram.webhook()
        self._error_at = info.last_error_at  # of the time before
        log.info("webhook: set to %s; %d updates wait at Telegram", _host(self._options.url), info.pending)
        if not info.pending:
            self.caught_up.set()

    async def step(self) -> float:
        """Ask Telegram how deliveries go, and set the webhook anew when somebody has changed it."""
        self._wait_no_longer_than_reasonable()
        info = await self._telegram.webhook()
        fresh = self._fresh_error(info)
        if info.url != self._options.url:
            log.warning("webhook: somebody set it to %s; it is set to ours again", _host(info.url))
            await self._register()
        elif fresh and _UNAUTHORIZED in fresh:
            await self._register()
        if not info.pending:
            self.caught_up.set()
        if not self.caught_up.is_set():
            return _CATCHING_UP_SECONDS
        return _IN_TROUBLE_SECONDS if self.trouble else _ALL_WELL_SECONDS

    async def close(self) -> None:
        """Stop listening when those who deliver have their answers."""
        await self._receiver.close()

    async def _register(self) -> None:
        await self._telegram.set_webhook(self._options.url, self._options.secret, CONNECTIONS)
        self._receiver.registered = True

    def _wait_no_longer_than_reasonable(self) -> None:
        if not self.caught_up.is_set() and self._clock.now() >= self._opened_at + _LONGEST_CATCHING_UP:
            log.warning("webhook: updates still wait at Telegram; albums close all the same, late items join them")
            self.caught_up.set()

    def _fresh_error(self, info: WebhookInfo) -> str | None:
        """Note what Telegram says of its deliveries; return its sentence when one has failed since the last look."""
        fresh = info.last_error if info.last_error_at != self._error_at else None
        self._error_at = info.last_error_at
        now = self._clock.now()
        if fresh:
            self._troubled_at = now
            self.trouble = f"Telegram can't deliver: {_explained(fresh)}"
            log.warning("webhook: %s; %d updates wait there", self.trouble, info.pending)
        if self.trouble and (not info.pending or now - self._troubled_at > _TROUBLE_LASTS):
            log.info("webhook: Telegram delivers again")
            self.trouble = None
        return fresh


def _host(url: str) -> str:
    """Return what may be logged of an address: paths of webhooks are secrets to some."""
    return urlsplit(url).netloc or "nothing"


def _explained(sentence: str) -> str:
    advice = next((advice for word, advice in _ADVICE if word in sentence.lower()), None)
    return f"{sentence} – {advice}" if advice else sentence
