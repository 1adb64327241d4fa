"""Logging people in by a code that is sent to their phone number; core.telegram.org/api/auth."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.login_codes import CODE_LENGTH, LoginCode, read_phone
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.methods.auth import check_application, enter
from teltubby_simulator.mtproto.rpc import Call, RpcError, method


@method(functions.auth.SendCodeRequest, login=False, bots=False)
def send_code(call: Call, request: Any) -> types.auth.SentCode:
    """Send a code to the apps where the number's owner is logged in; to a number that nobody has, by SMS."""
    check_application(call, request)
    phone = _phone(request)
    owner = _owner(call, phone)
    return _sent(call.world.send_login_code(phone, owner, "app" if owner else "sms"))


@method(functions.auth.ResendCodeRequest, login=False, bots=False)
def resend_code(call: Call, request: Any) -> types.auth.SentCode:
    """Send another code by SMS, which is the last way there is."""
    earlier = _code(call, request)
    if earlier.way == "sms":
        raise RpcError(406, "SEND_CODE_UNAVAILABLE")
    return _sent(call.world.send_login_code(earlier.phone, earlier.user, "sms"))


@method(functions.auth.CancelCodeRequest, login=False, bots=False)
def cancel_code(call: Call, request: Any) -> bool:
    """Make a code worthless."""
    _code(call, request).ended = True
    return True


@method(functions.auth.SignInRequest, login=False, bots=False)
def sign_in(call: Call, request: Any) -> Any:
    """Log in with a code, which is used up by it; who has a password is asked for that next."""
    if not request.phone_code:
        raise RpcError(400, "PHONE_CODE_EMPTY")
    code = _code(call, request)
    if request.phone_code != code.digits:
        raise RpcError(400, "PHONE_CODE_INVALID")
    if code.user is None:
        return types.auth.AuthorizationSignUpRequired()  # the code stays good, for auth.signUp
    code.ended = True
    return enter(call, code.user)


def _phone(request: Any) -> str:
    phone = read_phone(request.phone_number)
    if phone is None:
        raise RpcError(400, "PHONE_NUMBER_INVALID")
    return phone


def _owner(call: Call, phone: str) -> User | None:
    """Return who has a number. Raises RpcError for one who is banned or at home elsewhere."""
    owner = call.world.user_by_phone(phone)
    if owner is not None and owner.status == "banned":
        raise RpcError(400, "PHONE_NUMBER_BANNED")
    if owner is not None and owner.dc_id != call.site.dc_id:
        raise RpcError(303, f"PHONE_MIGRATE_{owner.dc_id}")
    return owner


def _code(call: Call, request: Any) -> LoginCode:
    """Return the code that a call speaks of. Raises RpcError when there is none, or none any more."""
    phone = _phone(request)
    _owner(call, phone)
    if not request.phone_code_hash:
        raise RpcError(400, "PHONE_CODE_HASH_EMPTY")
    code = call.world.logins.codes.find(phone, request.phone_code_hash)
    if code is None:
        raise RpcError(400, "PHONE_CODE_EXPIRED")
    return code


def _sent(code: LoginCode) -> types.auth.SentCode:
    if code.way == "sms":
        return types.auth.SentCode(types.auth.SentCodeTypeSms(CODE_LENGTH), code.hash)
    return types.auth.SentCode(types.auth.SentCodeTypeApp(CODE_LENGTH), code.hash, types.auth.CodeTypeSms())
