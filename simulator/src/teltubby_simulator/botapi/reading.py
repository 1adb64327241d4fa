"""Methods by which a bot learns: who it is, what happened, what a file is."""

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.reactions import MAX_REACTIONS
from teltubby_simulator.botapi.serialise import MessageView, chat_json, user_json
from teltubby_simulator.model import User

_KINDS_NOT_ASKED_FOR = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_MAX_POLL = 50  # seconds
_CONFLICT_POLL = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
_CONFLICT_WEBHOOK = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


def view_of(call: Call) -> MessageView:
    """Return the bot's view on messages."""
    return MessageView(
        call.bot,
        call.state.file_ids,
        lambda chat_id, message_id: call.world.message(call.bot.id, chat_id, message_id),
    )


async def get_me(call: Call) -> object:
    return user_json(call.bot) | {
        "can_join_groups": True,
        "can_read_all_group_messages": call.account.sees_all_group_messages,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def get_updates(call: Call) -> object:
    """Answer at once when something waits, else when something comes, another poll starts or time is up."""
    if call.account.webhook_url:
        raise ApiError(409, _CONFLICT_WEBHOOK)
    _remember_allowed_kinds(call)
    account, limit = call.account, call.params.clamped("limit", 100, 1, 100)
    timeout = call.params.clamped("timeout", 0, 0, _MAX_POLL)
    this_poll = account.poll = object()
    call.world.changed.notify()  # an older poll that waits ends with a conflict
    try:
        updates = account.updates.after(call.params.integer("offset", 0), limit)
        if not updates and timeout:
            await _wait_for_updates(call, this_poll, timeout)
            updates = account.updates.after(0, limit)
    finally:
        if account.poll is this_poll:
            account.poll = None
    view = view_of(call)
    return [view.update(update) for update in updates]


async def _wait_for_updates(call: Call, this_poll: object, seconds: float) -> None:
    account = call.account

    def ended() -> bool:
        over = account.poll is not this_poll or bool(account.webhook_url) or call.state.closing
        return over or bool(account.updates.pending())

    try:
        await call.world.changed.wait_for(ended, seconds)
    except TimeoutError:
        return  # nothing came
    if account.webhook_url:
        raise ApiError(409, "Conflict: terminated by setWebhook request")
    if account.poll is not this_poll:
        raise ApiError(409, _CONFLICT_POLL)


def _remember_allowed_kinds(call: Call) -> None:
    wanted = call.params.json_list("allowed_updates")
    if wanted is None:
        return
    call.account.updates.allowed = frozenset(str(kind) for kind in wanted) if wanted else None


async def delete_webhook(call: Call) -> object:
    call.account.webhook_url = ""
    if call.params.flag("drop_pending_updates"):
        call.account.updates.drop()
    return True


async def get_webhook_info(call: Call) -> object:
    queue = call.account.updates
    info: dict[str, object] = {
        "url": call.account.webhook_url,
        "has_custom_certificate": False,
        "pending_update_count": len(queue.pending()),
    }
    if queue.allowed is not None:
        info["allowed_updates"] = sorted(queue.allowed)
    return info


async def get_chat(call: Call) -> object:
    chat = call.chat()
    full = chat_json(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": MAX_REACTIONS,
        "accepted_gift_types": dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"),
            False,
        ),
    }
    if isinstance(chat, User) and chat.username:
        full["active_usernames"] = [chat.username]
    return full


async def get_file(call: Call) -> object:
    """Open a file for download, if it is not too big for this kind of server."""
    file_id = call.params.text("file_id")
    if file_id is None:
        raise bad_request("file_id not specified")
    kind, file = call.state.file_ids.resolve(call.bot.id, file_id)
    limit = call.world.download_limit
    if limit is not None and file.content.size > limit:
        raise bad_request("file is too big")
    return {
        "file_id": file_id,
        "file_unique_id": file.unique_id,
        "file_size": file.content.size,
        "file_path": call.state.file_ids.open_path(call.bot.id, kind, file),
    }
