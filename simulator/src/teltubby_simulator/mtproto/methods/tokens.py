"""Logging people in by a QR code; core.telegram.org/api/qr-login."""

import secrets
from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.login_tokens import LoginToken, LoginTokenError
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.methods.auth import check_application, enter
from teltubby_simulator.mtproto.rpc import Call, RpcError, method


@method(functions.auth.ExportLoginTokenRequest, login=False, bots=False)
def export_login_token(call: Call, request: Any) -> Any:
    """Return a token to show; once the last one was accepted, log in with it or tell where that has to be done."""
    check_application(call, request)
    shown = call.key.login_token
    if shown is not None and shown.accepted_by is not None:
        call.key.login_token = None
        try:
            return _enter_with(call, *call.world.logins.tokens.accepted(shown.secret))
        except LoginTokenError:
            pass  # it was accepted so long ago that a new one has to be shown
    key = call.key
    token = call.world.logins.tokens.issue(request.except_ids, lambda: key.announce(types.UpdateLoginToken()))
    key.login_token = token
    skew = call.site.now - call.world.clock()
    return types.auth.LoginToken(expires=int(token.expires + skew), token=token.secret)


@method(functions.auth.ImportLoginTokenRequest, login=False, bots=False)
def import_login_token(call: Call, request: Any) -> Any:
    """Log in with an accepted token that another data centre has sent here."""
    try:
        token, user = call.world.logins.tokens.accepted(request.token)
    except LoginTokenError as error:
        raise RpcError(400, error.name) from error
    return _enter_with(call, token, user)


@method(functions.auth.AcceptLoginTokenRequest, bots=False)
def accept_login_token(call: Call, request: Any) -> types.Authorization:
    """Let in who shows a token. The answer is what the new login will look like in the list of logins."""
    try:
        call.world.logins.tokens.accept(request.token, call.user)
    except LoginTokenError as error:
        raise RpcError(400, error.name) from error
    now = int(call.site.now)
    return types.Authorization(
        hash=int.from_bytes(secrets.token_bytes(8), "big", signed=True),
        device_model="",
        platform="",
        system_version="",
        api_id=0,
        app_name="",
        app_version="",
        date_created=now,
        date_active=now,
        ip="",
        country="",
        region="",
        password_pending=call.user.id in call.world.passwords,
    )


def _enter_with(call: Call, token: LoginToken, user: User) -> Any:
    if user.dc_id != call.site.dc_id:
        return types.auth.LoginTokenMigrateTo(user.dc_id, token.secret)
    token.used = True
    return types.auth.LoginTokenSuccess(enter(call, user))
