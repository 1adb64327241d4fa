"""Who is who."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.objects import user_object
from teltubby_simulator.mtproto.rpc import Call, RpcError, method

_MAX_USERS = 200  # in one call


def _find(call: Call, wanted: Any) -> User | None:
    """Return the user meant; others than oneself only with the right access_hash, or 0 from a bot that knows them.

    That bots may leave it at 0 is not documented, but what client libraries live by (Telethon's client/users.py), and
    so is that peers pass for users (Pyrogram's get_users).
    """
    match wanted:
        case types.InputUserSelf() | types.InputPeerSelf():
            return call.user
        case types.InputUser() | types.InputPeerUser():
            user = call.world.users.get(wanted.user_id)
            if user is None or user.id == call.user.id or access_hash(call.user, user) == wanted.access_hash:
                return user
            return user if wanted.access_hash == 0 and _knows(call, user) else None
    return None


def _knows(call: Call, user: User) -> bool:
    """Tell whether the calling bot has met a user: in private or in a chat that both are in."""
    account = call.world.bots.get(call.user.id)
    if account is None:
        return False
    return user.id in account.started_by or any({user.id, call.user.id} <= both for both in call.world.members.values())


@method(functions.users.GetUsersRequest)
def get_users(call: Call, request: Any) -> list[Any]:
    """Users in the order asked for; userEmpty for those who cannot be seen."""
    if len(request.id) > _MAX_USERS:
        raise RpcError(400, "LIMIT_INVALID")
    found = [(wanted, _find(call, wanted)) for wanted in request.id]
    return [
        user_object(user, call.user) if user else types.UserEmpty(getattr(wanted, "user_id", 0))
        for wanted, user in found
    ]


@method(functions.users.GetFullUserRequest)
def get_full_user(call: Call, request: Any) -> types.users.UserFull:
    """A profile, as bare as one of which nobody has filled in anything."""
    user = _find(call, request.id)
    if user is None:
        raise RpcError(400, "USER_ID_INVALID")
    full = types.UserFull(
        id=user.id,
        settings=types.PeerSettings(),
        notify_settings=types.PeerNotifySettings(),
        common_chats_count=0,
    )
    return types.users.UserFull(full_user=full, chats=[], users=[user_object(user, call.user)])
