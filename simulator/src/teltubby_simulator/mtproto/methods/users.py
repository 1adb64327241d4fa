"""Who is who."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.model import User
from teltubby_simulator.mtproto.objects import user_object
from teltubby_simulator.mtproto.rpc import Call, RpcError, method

_MAX_USERS = 200  # in one call


def _find(call: Call, wanted: Any) -> User | None:
    """Return the user meant; others than oneself only with the right access_hash."""
    match wanted:
        case types.InputUserSelf():
            return call.user
        case types.InputUser():
            user = call.world.users.get(wanted.user_id)
            own = user is not None and user.id == call.user.id
            return user if user is not None and (own or user.access_hash == wanted.access_hash) else None
    return None


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
