"""The list of an account's chats; core.telegram.org/method/messages.getDialogs, core.telegram.org/api/offsets."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.model import Chat, Message
from teltubby_simulator.mtproto.objects import chat_id_of, dialogs_objects
from teltubby_simulator.mtproto.rpc import Call, RpcError, method

_MOST = 100  # in one call


@method(functions.messages.GetDialogsRequest, bots=False)
def get_dialogs(call: Call, request: Any) -> Any:
    """Supergroups and channels that the account is in, the one with the latest message first."""
    if request.limit < 0:
        raise RpcError(400, "LIMIT_INVALID")
    if request.folder_id not in (None, 0, 1):
        raise RpcError(400, "FOLDER_ID_INVALID")
    everything = [] if request.folder_id else _dialogs(call)  # nobody here archives anything
    left = everything[_first(everything, request) :]
    page = left[: min(request.limit or _MOST, _MOST)]
    parts = dialogs_objects(page, call.user, call.world)
    if len(page) == len(everything):
        return types.messages.Dialogs(**parts)
    return types.messages.DialogsSlice(count=len(everything), **parts)


def _dialogs(call: Call) -> list[tuple[Chat, Message | None]]:
    world = call.world
    chats = [chat for chat in world.chats.values() if chat.kind != "group" and call.user.id in world.members[chat.id]]
    found = [(chat, world.last_in_channel(chat.id)) for chat in chats]
    return sorted(found, key=_place, reverse=True)


def _place(dialog: tuple[Chat, Message | None]) -> tuple[int, int, int]:
    """Return by what dialogs are sorted: date and id of the latest message, then the chat."""
    chat, last = dialog
    return (last.date, last.id, chat.id) if last is not None else (0, 0, chat.id)


def _first(dialogs: list[tuple[Chat, Message | None]], request: Any) -> int:
    """Return where to begin: behind the dialog of the offset's peer, else at the first one older than its date."""
    wanted = chat_id_of(request.offset_peer)
    for position, (chat, _) in enumerate(dialogs):
        if chat.id == wanted:
            return position + 1
    if request.offset_date is None or not request.offset_date.timestamp():
        return 0
    before = request.offset_date.timestamp()
    return sum(1 for dialog in dialogs if _place(dialog)[0] >= before)
