"""Messages by id, and the chats they are in."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator import model
from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.mtproto.objects import (
    channel_messages_object,
    chat_id_of,
    chat_object,
    messages_object,
)
from teltubby_simulator.mtproto.rpc import Call, RpcError, method

_MAX_IDS = 100  # in one call


def _wanted_ids(request: Any) -> list[int]:
    """Return the ids asked for. Raises RpcError for kinds of references that bots have no use for."""
    if not request.id:
        raise RpcError(400, "MESSAGE_IDS_EMPTY")
    if len(request.id) > _MAX_IDS:
        raise RpcError(400, "LIMIT_INVALID")
    if not all(isinstance(each, types.InputMessageID) for each in request.id):
        raise RpcError(400, "MSG_ID_INVALID")
    return [each.id for each in request.id]


@method(functions.messages.GetMessagesRequest)
def get_messages(call: Call, request: Any) -> types.messages.Messages:
    """The account's own messages of private chats and basic groups, which share one sequence of ids."""
    ids = _wanted_ids(request)
    found = call.world.messages_of(call.user.id, ids)
    return messages_object(zip(ids, found, strict=True), call.user, call.world)


@method(functions.channels.GetMessagesRequest)
def get_channel_messages(call: Call, request: Any) -> types.messages.ChannelMessages:
    """Messages of a supergroup or channel whose member the caller is."""
    chat = _channel(call, request.channel)
    ids = _wanted_ids(request)
    found = call.world.messages_in_channel(chat.id, ids)
    return channel_messages_object(zip(ids, found, strict=True), call.user, call.world)


@method(functions.channels.GetChannelsRequest)
def get_channels(call: Call, request: Any) -> types.messages.Chats:
    """Supergroups and channels whose member the caller is."""
    chats = [_channel(call, each) for each in request.id]
    return types.messages.Chats([chat_object(chat, call.user, call.world) for chat in chats])


def _channel(call: Call, wanted: Any) -> model.Chat:
    """Return the channel meant. Raises RpcError if there is none, or the caller may not see it."""
    chat = call.world.chats.get(chat_id_of(wanted) or 0)
    if chat is None or chat.kind == "group":
        raise RpcError(400, "CHANNEL_INVALID")
    # Bots may leave the access_hash of a channel they know at 0.
    if wanted.access_hash != access_hash(call.user, chat) and not (call.user.is_bot and wanted.access_hash == 0):
        raise RpcError(400, "CHANNEL_INVALID")
    if call.user.id not in call.world.members[chat.id]:
        raise RpcError(406, "CHANNEL_PRIVATE")
    return chat
