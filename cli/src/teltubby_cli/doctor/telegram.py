"""Telegram's Bot API: who we are there, and how updates come in. Asks only; changes nothing."""

from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from teltubby_bot.telegram import Me, WebhookInfo
from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict


class BotAccount(Protocol):
    """What is asked of the Bot API."""

    async def me(self) -> Me:
        """Ask who we are."""
        ...

    async def webhook(self) -> WebhookInfo:
        """Ask where updates go."""
        ...


async def look_at_account(telegram: BotAccount, api_url: str) -> Said:
    """Have Telegram accept the token."""
    me = await telegram.me()
    yield Verdict.FINE, f"bot @{me.username or '–'} ({me.id}) at {urlsplit(api_url).netloc}"


async def look_at_updates(telegram: BotAccount, webhook_url: str | None) -> Said:
    """Compare TELEGRAM_MODE with what Telegram does. ``webhook_url``: None for polling."""
    info = await telegram.webhook()
    waiting = f"; {info.pending} wait at Telegram" if info.pending else ""
    if webhook_url is None:
        yield _polled(info, waiting)
        return
    yield _brought(info, webhook_url, waiting)
    if info.last_error:
        yield _last_error(info)


def _polled(info: WebhookInfo, waiting: str) -> tuple[Verdict, str]:
    if not info.url:
        return Verdict.FINE, f"polled for, and no webhook is set{waiting}"
    text = f"TELEGRAM_MODE is polling, but a webhook is set to {_host(info.url)}{waiting}"
    advice = (
        "the bot takes it away at its start; if another program set it, stop that one, or set TELEGRAM_MODE=webhook"
    )
    return Verdict.WRONG, f"{text} – {advice}"


def _brought(info: WebhookInfo, webhook_url: str, waiting: str) -> tuple[Verdict, str]:
    if not info.url:
        return Verdict.FINE, f"no webhook is set yet; the bot sets it to {_host(webhook_url)} at its start{waiting}"
    if info.url != webhook_url:
        where = f"the webhook is set to {_host(info.url)}, not as WEBHOOK_URL has it ({_host(webhook_url)})"
        return (
            Verdict.WRONG,
            f"{where}{waiting} – the bot sets it anew at its start; does another program use this bot?",
        )
    return Verdict.FINE, f"brought to {_host(webhook_url)}{waiting}"


def _last_error(info: WebhookInfo) -> tuple[Verdict, str]:
    at = (
        datetime.fromtimestamp(info.last_error_at, UTC).strftime(" at %Y-%m-%d %H:%M:%S UTC")
        if info.last_error_at
        else ""
    )
    text = f"Telegram's last failed delivery{at}: {info.last_error}"
    if not info.pending:
        return Verdict.FINE, f"{text}; nothing waits any more"
    return (
        Verdict.WRONG,
        f"{text} – check that WEBHOOK_URL leads to the bot's WEBHOOK_PORT with a certificate that is trusted",
    )


def _host(url: str) -> str:
    """Return what may be shown of an address: paths of webhooks are secrets to some."""
    return urlsplit(url).netloc or "an address without a host"
