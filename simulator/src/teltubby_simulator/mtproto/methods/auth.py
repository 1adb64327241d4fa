"""Logging bots in and out."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.mtproto.objects import user_object
from teltubby_simulator.mtproto.rpc import Call, RpcError, method


@method(functions.auth.ImportBotAuthorizationRequest, login=False)
def import_bot_authorization(call: Call, request: Any) -> types.auth.Authorization:
    """Log the key in as the bot of a token."""
    if (request.api_id, request.api_hash) not in call.world.api_credentials:
        raise RpcError(400, "API_ID_INVALID")
    bot = call.world.bot_by_token(request.bot_auth_token)
    if bot is None:
        raise RpcError(400, "ACCESS_TOKEN_INVALID")
    call.key.user = bot
    return types.auth.Authorization(user=user_object(bot, bot))


@method(functions.auth.LogOutRequest)
def log_out(call: Call, _request: Any) -> types.auth.LoggedOut:
    call.key.user = None
    return types.auth.LoggedOut()
