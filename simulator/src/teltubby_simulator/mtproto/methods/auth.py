"""Logging bots in, ending a login, and carrying one to another data centre."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.model import User
from teltubby_simulator.mtproto.objects import user_object
from teltubby_simulator.mtproto.rpc import Call, RpcError, method


def check_application(call: Call, request: Any) -> None:
    """Raise RpcError for an api_id and api_hash that do not belong together."""
    if (request.api_id, request.api_hash) not in call.world.api_credentials:
        raise RpcError(400, "API_ID_INVALID")


def enter(call: Call, user: User) -> types.auth.Authorization:
    """Log the key in as a person who has shown a code or accepted a token; one with a password still owes that.

    Raises:
        RpcError: SESSION_PASSWORD_NEEDED, or the account is banned or deleted.
    """
    if user.status != "active":
        raise RpcError(401, "USER_DEACTIVATED" if user.status == "deleted" else "USER_DEACTIVATED_BAN")
    if user.id in call.world.passwords:
        call.key.owing = user
        raise RpcError(401, "SESSION_PASSWORD_NEEDED")
    call.log_in(user)
    return types.auth.Authorization(user=user_object(user, user))


@method(functions.auth.ImportBotAuthorizationRequest, login=False)
def import_bot_authorization(call: Call, request: Any) -> types.auth.Authorization:
    """Log the key in as the bot of a token, at the bot's own data centre."""
    check_application(call, request)
    bot = call.world.bot_by_token(request.bot_auth_token)
    if bot is None:
        raise RpcError(400, "ACCESS_TOKEN_INVALID")
    if bot.dc_id != call.site.dc_id:
        raise RpcError(303, f"USER_MIGRATE_{bot.dc_id}")
    call.log_in(bot)
    return types.auth.Authorization(user=user_object(bot, bot))


@method(functions.auth.ExportAuthorizationRequest, anywhere=True)
def export_authorization(call: Call, request: Any) -> types.auth.ExportedAuthorization:
    """Return bytes with which another data centre lets the same login in."""
    others = {option.id for option in call.site.dc_options()} - {call.site.dc_id}
    if request.dc_id not in others or call.key.authorization is None:
        raise RpcError(400, "DC_ID_INVALID")
    return types.auth.ExportedAuthorization(
        id=call.user.id, bytes=call.site.exports.issue(call.key.authorization, request.dc_id)
    )


@method(functions.auth.ImportAuthorizationRequest, login=False)
def import_authorization(call: Call, request: Any) -> types.auth.Authorization:
    """Let a login in that another data centre has exported."""
    authorization = call.site.exports.look_up(request.bytes, call.site.dc_id)
    if authorization is None:
        raise RpcError(400, "AUTH_BYTES_INVALID")
    if authorization.user.id != request.id:
        raise RpcError(400, "USER_ID_INVALID")
    call.site.exports.use_up(request.bytes)
    call.key.authorization = authorization
    return types.auth.Authorization(user=user_object(authorization.user, authorization.user))


@method(functions.auth.LogOutRequest)
def log_out(call: Call, _request: Any) -> types.auth.LoggedOut:
    """End the login, at every data centre."""
    if call.key.authorization is not None:
        call.key.authorization.ended = "AUTH_KEY_UNREGISTERED"
    return types.auth.LoggedOut()
