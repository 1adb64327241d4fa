"""Messages by id."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.mtproto.objects import channel_id, messages_object
from teltubby_simulator.mtproto.rpc import Call, RpcError, method

_MAX_IDS = 100  # in one call


def _wanted_ids(request: Any) -> list[int]:
    """Return the ids asked for. Raises RpcError for kinds of references that bots have no use for."""
    if not request.id:
        raise RpcError(400, "MESSAGE_IDS_EMPTY")
    if len(request.id) > _MAX_IDS:
        raise RpcError(400, "LIMIT_INVALID")
    if not all(isinstance(each, types.InputMessageID) for each in request.id):
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return [each.id for each in request.id]


@method(functions.messages.GetMessagesRequest)
def get_messages(call: Call, request: Any) -> types.messages.Messages:
    """The bot's own messages of private chats and basic groups, which share one sequence of ids."""
    ids = _wanted_ids(request)
    found = call.world.messages_of(call.user.id, ids)
    return messages_object(zip(ids, found, strict=True), call.user, call.world)


@method(functions.channels.GetMessagesRequest)
def get_channel_messages(call: Call, request: Any) -> types.messages.Messages:
    """Messages of a supergroup or channel whose member the caller is."""
    wanted = request.channel
    chat = next(
        (
            each
            for each in call.world.chats.values()
            if each.kind != "group" and channel_id(each) == getattr(wanted, "channel_id", None)
        ),
        None,
    )
    if chat is None:
        raise RpcError(400, "CHANNEL_INVALID")
    member = call.user.id in call.world.members[chat.id]
    # Bots may leave the access_hash of a channel they know at 0.
    if not member or wanted.access_hash not in (chat.access_hash, 0):
        raise RpcError(400, "CHANNEL_PRIVATE" if not member else "CHANNEL_INVALID")
    ids = _wanted_ids(request)
    found = call.world.messages_in_channel(chat.id, ids)
    return messages_object(zip(ids, found, strict=True), call.user, call.world)
