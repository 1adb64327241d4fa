"""The password of two-step verification; core.telegram.org/api/srp."""

import secrets
from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.dh_group import GENERATOR
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.objects import user_object
from teltubby_simulator.mtproto.rpc import Call, RpcError, method
from teltubby_simulator.passwords import PRIME_BYTES, Challenge

_Algorithm = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow


@method(functions.account.GetPasswordRequest, login=False, bots=False)
def get_password(call: Call, _request: Any) -> types.account.Password:
    """Tell whether there is a password, and begin an exchange about it."""
    password = call.world.passwords.get(_asker(call).id)
    call.key.challenge = challenge = None if password is None else Challenge(password)
    known: dict[str, Any] = {}
    if challenge is not None and password is not None:
        algorithm = _Algorithm(password.salt1, password.salt2, GENERATOR, PRIME_BYTES)
        known = {"current_algo": algorithm, "srp_B": challenge.public, "srp_id": challenge.id, "hint": password.hint}
    return types.account.Password(
        new_algo=_Algorithm(secrets.token_bytes(8), secrets.token_bytes(16), GENERATOR, PRIME_BYTES),
        new_secure_algo=types.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(secrets.token_bytes(8)),
        secure_random=secrets.token_bytes(256),
        has_password=password is not None,
        **known,
    )


@method(functions.auth.CheckPasswordRequest, login=False, bots=False)
def check_password(call: Call, request: Any) -> types.auth.Authorization:
    """Log in who owes a password and proves to know it. An exchange is good for one try, whatever comes of it."""
    user, proof = _asker(call), request.password
    challenge, call.key.challenge = call.key.challenge, None
    if not isinstance(proof, types.InputCheckPasswordSRP):
        raise RpcError(400, "PASSWORD_HASH_INVALID")
    if challenge is None or proof.srp_id != challenge.id:
        raise RpcError(400, "SRP_ID_INVALID")
    if challenge.password is not call.world.passwords.get(user.id):
        raise RpcError(400, "SRP_PASSWORD_CHANGED")
    if not challenge.is_met(proof.A, proof.M1):
        raise RpcError(400, "PASSWORD_HASH_INVALID")
    if call.key.user is not user:
        call.log_in(user)
    return types.auth.Authorization(user=user_object(user, user))


def _asker(call: Call) -> User:
    """Return who owes a password, else who is logged in. Raises RpcError for anybody else."""
    owing = call.key.owing
    if owing is None:
        return call.user
    if owing.status != "active":
        raise RpcError(401, "USER_DEACTIVATED" if owing.status == "deleted" else "USER_DEACTIVATED_BAN")
    return owing
