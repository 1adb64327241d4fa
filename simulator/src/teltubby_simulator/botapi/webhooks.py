"""Methods by which a bot asks for its updates to be sent to it.

Source of rules and sentences: tdlib/telegram-bot-api, Client::process_set_webhook_query and WebhookActor.cpp.
"""

import ipaddress
from urllib.parse import urlsplit

from teltubby_simulator.accounts import Webhook
from teltubby_simulator.botapi.call import Call, Described
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.flood import too_many
from teltubby_simulator.botapi.links import LinkError, host_of
from teltubby_simulator.botapi.params import TOKEN_CHARACTERS

_PORTS = frozenset({443, 80, 88, 8443})
_LONGEST_SECRET = 256
_DEFAULT_CONNECTIONS = 40
_MOST_CONNECTIONS = 100
_INTERVAL = 1.0  # seconds between two calls of setWebhook
_NOWHERE = (".invalid", ".test", ".localdomain")  # names that no server on the internet has, RFC 2606


async def set_webhook(call: Call) -> object:
    """Set a webhook, or delete it when no address is given. A refused one leaves none behind."""
    url = call.params.text("url")
    if url is None:
        return await delete_webhook(call)
    _count(call)
    new = _wanted(call, url)
    old, drop = call.account.webhook, call.params.flag("drop_pending_updates")
    if not drop and old is not None and _terms(old) == _terms(new):
        remember_allowed_kinds(call)
        return Described(True, "Webhook is already set")
    call.account.webhook = None
    call.state.follow_webhook(call.account)
    if drop:
        call.account.updates.drop()
    _check(call, new)
    remember_allowed_kinds(call)
    call.account.webhook = new
    call.state.follow_webhook(call.account)
    return Described(True, "Webhook was set")


async def delete_webhook(call: Call) -> object:
    existed = call.account.webhook is not None
    call.account.webhook = None
    call.state.follow_webhook(call.account)
    if call.params.flag("drop_pending_updates"):
        call.account.updates.drop()
    return Described(True, "Webhook was deleted" if existed else "Webhook is already deleted")


async def get_webhook_info(call: Call) -> object:
    queue, webhook = call.account.updates, call.account.webhook
    info: dict[str, object] = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": webhook is not None and webhook.has_certificate,
        "pending_update_count": len(queue.pending()),
    }
    if webhook is not None:
        info |= {"max_connections": webhook.max_connections, "ip_address": webhook.ip_address or "<unknown>"}
        if webhook.last_error_date:
            info |= {"last_error_date": webhook.last_error_date, "last_error_message": webhook.last_error_message}
    if queue.allowed is not None:
        info["allowed_updates"] = sorted(queue.allowed)
    return info


def remember_allowed_kinds(call: Call) -> None:
    """Keep which kinds the bot wants from now on; a call that does not say leaves it as it was."""
    try:
        wanted = call.params.json("allowed_updates", "allowed_updates")
    except ApiError:
        return  # as Telegram does with what it can't read
    if isinstance(wanted, list) and all(isinstance(kind, str) for kind in wanted):
        call.account.updates.allowed = frozenset(kind.lower() for kind in wanted) or None


def _count(call: Call) -> None:
    """Let one call a second through. Raises ApiError 429 for the others."""
    if not call.world.flood_limits:
        return
    now, last = call.world.clock(), call.state.webhook_set_at.get(call.bot.id)
    if last is not None and now < last + _INTERVAL:
        raise too_many(1)
    call.state.webhook_set_at[call.bot.id] = now


def _wanted(call: Call, url: str) -> Webhook:
    return Webhook(
        url,
        call.params.text("secret_token") or "",
        call.params.clamped("max_connections", _DEFAULT_CONNECTIONS, 1, _MOST_CONNECTIONS),
        call.params.text("ip_address") or "",
        call.params.upload("certificate") is not None,
    )


def _terms(webhook: Webhook) -> tuple[object, ...]:
    return webhook.url, webhook.secret_token, webhook.max_connections, webhook.ip_address, webhook.has_certificate


def _check(call: Call, webhook: Webhook) -> None:
    url = webhook.url if "://" in webhook.url else f"https://{webhook.url}"
    try:
        host = host_of(url)
    except LinkError as error:
        raise bad_request("invalid webhook URL specified") from error
    if len(webhook.secret_token) > _LONGEST_SECRET:
        raise bad_request("secret token is too long")
    if not TOKEN_CHARACTERS.fullmatch(webhook.secret_token):
        raise bad_request("secret token contains unallowed characters")
    if not call.world.allow_plain_webhooks:
        problem = _hosted_problem(url, webhook.ip_address or host)
        if problem is not None:
            raise bad_request(f"bad webhook: {problem}")


def _hosted_problem(url: str, host: str) -> str | None:
    """Return why Telegram's own servers would not call this address."""
    parts = urlsplit(url)
    if parts.scheme.lower() != "https":
        return "An HTTPS URL must be provided for webhook"
    if (parts.port or 443) not in _PORTS:
        return "Webhook can be set up only on ports 80, 88, 443 or 8443"
    if host.endswith(_NOWHERE):
        return "Failed to resolve host: Name or service not known"
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:
        return None  # a name, which a simulator does not look up
    if address.version == 6:
        return "IPv6-only addresses are not allowed"
    return None if address.is_global else f"IP address {address} is reserved"
