"""Telethon's errors in our words: none is left out, and each means the right thing for a job."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from telethon import errors
from telethon.errors import common
from telethon.tl.functions.auth import ImportBotAuthorizationRequest
from telethon.tl.functions.upload import GetFileRequest
from telethon.tl.types import RpcError

from teltubby_core.errors import InfrastructureError, PermanentError, TeltubbyError, TransientError
from teltubby_worker.mtproto.errors import (
    TABLE,
    AccountEndedError,
    ConnectionLostError,
    SessionLostError,
    WrongDataCentreError,
    telethon_errors,
    to_ours,
)
from teltubby_worker.mtproto.transfer import ReferenceExpiredError

REQUEST = GetFileRequest(None, 0, 1 << 20)

# As core.telegram.org/method/<name> lists them, beside floods and internal errors, for the methods called here:
# upload.getFile, messages.getMessages, users.getUsers, help.getConfig, auth.importBotAuthorization,
# auth.exportAuthorization, auth.importAuthorization, initConnection.
DOCUMENTED = {
    "FILE_REFERENCE_EXPIRED": ReferenceExpiredError,
    "FILE_REFERENCE_INVALID": ReferenceExpiredError,
    "FILE_REFERENCE_EMPTY": ReferenceExpiredError,
    "FILE_REFERENCE_0_EXPIRED": ReferenceExpiredError,
    "FILE_ID_INVALID": PermanentError,
    "LOCATION_INVALID": PermanentError,
    "OFFSET_INVALID": PermanentError,
    "LIMIT_INVALID": PermanentError,
    "PEER_ID_INVALID": PermanentError,
    "CHANNEL_INVALID": PermanentError,
    "CHANNEL_PRIVATE": PermanentError,
    "CDN_METHOD_INVALID": PermanentError,
    "MESSAGE_IDS_EMPTY": PermanentError,
    "MESSAGE_ID_INVALID": PermanentError,
    "MSG_ID_INVALID": PermanentError,
    "BOT_METHOD_INVALID": PermanentError,
    "DC_ID_INVALID": PermanentError,
    "FILE_MIGRATE_4": WrongDataCentreError,
    "USER_MIGRATE_4": WrongDataCentreError,
    "PHONE_MIGRATE_4": WrongDataCentreError,
    "NETWORK_MIGRATE_4": WrongDataCentreError,
    "FLOOD_WAIT_17": TransientError,
    "FLOOD_PREMIUM_WAIT_17": TransientError,
    "ACCESS_TOKEN_INVALID": InfrastructureError,
    "ACCESS_TOKEN_EXPIRED": InfrastructureError,
    "API_ID_INVALID": InfrastructureError,
    "API_ID_PUBLISHED_FLOOD": InfrastructureError,
    "CONNECTION_API_ID_INVALID": InfrastructureError,
    "USER_DEACTIVATED": AccountEndedError,
    "AUTH_KEY_UNREGISTERED": SessionLostError,
    "AUTH_KEY_INVALID": SessionLostError,
    "AUTH_KEY_PERM_EMPTY": SessionLostError,
    "AUTH_KEY_DUPLICATED": SessionLostError,
    "SESSION_REVOKED": SessionLostError,
    "SESSION_EXPIRED": SessionLostError,
    "AUTH_BYTES_INVALID": TransientError,
    "CONNECTION_NOT_INITED": ConnectionLostError,
    "MSG_WAIT_FAILED": TransientError,
    "RPC_CALL_FAIL": TransientError,
    "INTERDC_2_CALL_ERROR": TransientError,
    "Timeout": TransientError,
    "No workers running": TransientError,
}
CODES = {"FLOOD": 420, "AUTH_KEY_D": 406, "Timeout": -503, "No workers": -500}


def answered(text: str) -> Any:
    """The error as Telethon makes it of the server's answer."""
    code = next((code for start, code in CODES.items() if text.startswith(start)), 400)
    return errors.rpc_message_to_error(RpcError(code, text), REQUEST)


def telethon_classes() -> Iterator[type[BaseException]]:
    for module in (errors, common):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, BaseException) and found.__module__.startswith("telethon"):
                yield found


def example(kind: type[BaseException]) -> BaseException:
    made = kind.__new__(kind) if kind is not errors.MultiError else BaseException.__new__(kind)
    for name in ("seconds", "new_dc", "dc", "code", "message"):
        if getattr(made, name, None) is None:
            setattr(made, name, 4)
    return made


@pytest.mark.parametrize(("text", "ours"), DOCUMENTED.items())
def test_each_documented_error_means_what_it_should(text: str, ours: type[TeltubbyError]) -> None:
    mapped = to_ours(answered(text))
    assert type(mapped) is ours or (ours is SessionLostError and isinstance(mapped, SessionLostError))


def test_no_error_of_telethon_is_unmapped() -> None:
    classes = set(telethon_classes())
    assert len(classes) > 500
    unmapped = [kind.__name__ for kind in classes if not isinstance(to_ours(example(kind)), TeltubbyError)]
    assert unmapped == []


def test_errors_outside_rpc_have_a_row_of_their_own() -> None:
    own = {kind for kind, _ in TABLE}
    common_errors = {
        found
        for _, found in inspect.getmembers(common, inspect.isclass)
        if found.__module__ == common.__name__ and not issubclass(found, common.SecurityError)
    }
    assert common_errors | {common.SecurityError} | set(errors.base_errors.values()) <= own


def test_no_row_is_hidden_by_a_wider_one_above_it() -> None:
    seen: list[type[BaseException]] = []
    for kind, _ in TABLE:
        assert not any(issubclass(kind, wider) for wider in seen), kind
        seen.append(kind)


@pytest.mark.parametrize(("text", "seconds"), [("FLOOD_WAIT_0", 1), ("FLOOD_WAIT_17", 17), ("FLOOD_PREMIUM_WAIT_3", 3)])
def test_a_flood_tells_its_seconds_and_is_never_shorter_than_one(text: str, seconds: int) -> None:
    mapped = to_ours(answered(text))
    assert isinstance(mapped, TransientError)
    assert mapped.retry_after == seconds


def test_a_migration_tells_where_to() -> None:
    mapped = to_ours(answered("FILE_MIGRATE_4"))
    assert isinstance(mapped, WrongDataCentreError)
    assert mapped.dc_id == 4


@pytest.mark.parametrize(("code", "ours"), [(404, SessionLostError), (429, TransientError), (444, ConnectionLostError)])
def test_transport_errors_are_told_apart(code: int, ours: type[TeltubbyError]) -> None:
    mapped = to_ours(errors.InvalidBufferError((-code).to_bytes(4, "little", signed=True)))
    assert type(mapped) is ours


def test_no_packet_and_no_token_gets_into_a_text() -> None:
    secret = "123456:" + "A" * 35
    login = ImportBotAuthorizationRequest(0, 1, "hash-hash-hash", secret)
    raised = [
        errors.rpc_message_to_error(RpcError(400, "ACCESS_TOKEN_INVALID"), login),
        errors.rpc_message_to_error(RpcError(500, "WHATEVER"), login),
        errors.TypeNotFoundError(7, secret.encode()),
        errors.InvalidBufferError(secret.encode()),
        ValueError(secret),
    ]
    for error in raised:
        assert secret not in str(to_ours(error))


@pytest.mark.parametrize(
    "error", [OverflowError("port must be 0-65535."), ValueError(), UnicodeError(), OSError(), TimeoutError()]
)
def test_what_a_bad_address_raises_is_a_lost_connection(error: Exception) -> None:
    with pytest.raises(ConnectionLostError), telethon_errors():
        raise error


def test_ours_passes_unchanged_and_strangers_stay_strangers() -> None:
    with pytest.raises(ReferenceExpiredError), telethon_errors():
        raise ReferenceExpiredError("ours")
    with pytest.raises(ZeroDivisionError), telethon_errors():
        raise ZeroDivisionError
    with pytest.raises(ConnectionLostError) as caught, telethon_errors():
        raise ConnectionResetError("by peer")
    assert isinstance(caught.value.__cause__, ConnectionResetError)
