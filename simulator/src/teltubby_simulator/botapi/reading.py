"""Methods by which a bot learns: who it is, what happened, what a chat or a file is."""

import asyncio
from pathlib import Path

from teltubby_simulator.botapi.call import Call
from teltubby_simulator.botapi.errors import ApiError, bad_request
from teltubby_simulator.botapi.reactions import MAX_REACTIONS
from teltubby_simulator.botapi.serialise import administrator_json, chat_json, user_json
from teltubby_simulator.botapi.webhooks import remember_allowed_kinds
from teltubby_simulator.content import Content
from teltubby_simulator.model import User

_MAX_POLL = 50  # seconds
_BLOCK = 1 << 20  # bytes of a file that are in memory while a local server stores it
_CONFLICT_POLL = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
_CONFLICT_WEBHOOK = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
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
    if call.account.webhook is not None:
        raise ApiError(409, _CONFLICT_WEBHOOK)
    remember_allowed_kinds(call)
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
    return [call.view.update(update) for update in updates]


async def _wait_for_updates(call: Call, this_poll: object, seconds: float) -> None:
    account = call.account

    def ended() -> bool:
        over = account.poll is not this_poll or account.webhook is not None or call.state.closing
        return over or bool(account.updates.pending())

    try:
        await call.world.changed.wait_for(ended, seconds)
    except TimeoutError:
        return  # nothing came
    if account.webhook is not None:
        raise ApiError(409, "Conflict: terminated by setWebhook request")
    if account.poll is not this_poll:
        raise ApiError(409, _CONFLICT_POLL)


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
    if chat.username:
        full["active_usernames"] = [chat.username]
    if not isinstance(chat, User):
        full["permissions"] = {"can_send_messages": True}
    return full


async def get_chat_member(call: Call) -> object:
    """Tell what somebody is in a chat, as far as is simulated: administrator, member, or not in it."""
    chat, user_id = call.chat(), call.params.integer("user_id", 0)
    user = call.world.users.get(user_id)
    if user_id <= 0:
        raise bad_request("invalid user_id specified")
    if user is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    if isinstance(chat, User):
        if user.id not in (chat.id, call.bot.id):
            raise bad_request("member not found")
        return {"user": user_json(user), "status": "member"}
    if user.id in call.world.administrators[chat.id]:
        return administrator_json(user, chat, call.world.rights(chat, user))
    return {"user": user_json(user), "status": "member" if user.id in call.world.members[chat.id] else "left"}


async def get_file(call: Call) -> object:
    """Open a file for download, if it is not too big for this kind of server; a local one stores it in its folder."""
    file_id = call.params.text("file_id")
    if file_id is None:
        raise bad_request("file_id not specified")
    known = call.state.file_ids.find(call.bot.id, file_id)
    file, folder, limit = known.file, call.world.local_files, call.world.download_limit
    size = max(file.shown_size or 0, file.content.size)
    if folder is None and limit is not None and size > limit:
        raise bad_request("file is too big")
    if folder is None:
        path = call.state.file_ids.open_path(call.bot.id, known.kind, file)
    else:
        stored = folder / str(call.bot.token) / call.state.file_ids.path(call.bot.id, known.kind, file)
        await asyncio.to_thread(_store, file.content, stored)
        path = str(stored.absolute())
    told = {"file_size": file.shown_size} if file.shown_size else {}
    return {"file_id": file_id, "file_unique_id": file.unique_id, **told, "file_path": path}


def _store(content: Content, path: Path) -> None:
    """Write a file under its name only once it is whole."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as out:
        for offset in range(0, content.size, _BLOCK):
            out.write(content.read(offset, _BLOCK))
    part.replace(path)
