"""Calls: from a request to its method and from the method's result to the bytes of an answer.

Knows nothing of connections and ciphers. Methods register themselves with ``method``.
"""

import gzip
import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from telethon.tl import TLObject, functions, types

from teltubby_simulator.model import User
from teltubby_simulator.mtproto.faults import Faults
from teltubby_simulator.mtproto.keys import AuthKey
from teltubby_simulator.world import World

log = logging.getLogger(__name__)

RPC_RESULT = 0xF35C6D01
GZIP_PACKED = 0x3072CFA1
_VECTOR = 0x1CB5C415
_BOOLS = {True: 0x997275B5, False: 0xBC799737}
_WORTH_PACKING = 512  # bytes
_PACKING_GAIN = 0.9  # packed only if it saves a tenth


class RpcError(Exception):
    """A refusal as the client gets it: code and Telegram's name for it."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{code} {name}")
        self.code = code
        self.name = name


@dataclass(frozen=True)
class FilePart:
    """A piece of a file as the answer to upload.getFile; ``payload`` is read when it is about to be sent."""

    kind: Any  # telethon's storage.FileType
    mtime: int
    size: int  # bytes
    read: Callable[[], bytes]

    def parts(self) -> list[bytes]:
        """Return upload.file in pieces, so that the payload is not copied on its way."""
        payload = self.read()
        head = struct.pack("<IIi", types.upload.File.CONSTRUCTOR_ID, self.kind.CONSTRUCTOR_ID, self.mtime)
        if len(payload) < 254:
            return [head, TLObject.serialize_bytes(payload)]
        length = b"\xfe" + len(payload).to_bytes(3, "little")
        return [head + length, payload, bytes(-len(payload) % 4)]


@dataclass(frozen=True)
class Site:
    """The place where methods work: the world, and what the server tells about itself."""

    world: World
    faults: Faults
    dc_id: int
    dc_options: Callable[[], list[types.DcOption]]


@dataclass(frozen=True)
class Call:
    """Who calls: the key, and the site the call is made at."""

    site: Site
    key: AuthKey

    @property
    def world(self) -> World:
        return self.site.world

    @property
    def user(self) -> User:
        """The account logged in. Raises RpcError if there is none."""
        if self.key.user is None:
            raise RpcError(401, "AUTH_KEY_UNREGISTERED")
        return self.key.user


Method = Callable[[Call, Any], Any]
M = TypeVar("M", bound=Method)
_methods: dict[type[Any], Method] = {}
_OPEN: set[type[Any]] = set()  # methods for those who have not logged in


def method(request_type: type[Any], *, login: bool = True) -> Callable[[M], M]:
    """Register a function as the answer to a request; ``login``: only for those logged in."""

    def register(function: M) -> M:
        _methods[request_type] = function
        if not login:
            _OPEN.add(request_type)
        return function

    return register


def method_name(request: Any) -> str:
    """Return Telegram's name of a request's method, such as upload.getFile."""
    name = type(request).__name__.removesuffix("Request")
    room = type(request).__module__.rpartition(".")[2]
    short = name[:1].lower() + name[1:]
    return short if room in ("functions", "types") else f"{room}.{short}"


def unwrap(call: Call, request: Any) -> Any:
    """Take a request out of its wrappers and note what they tell about the client.

    Raises:
        RpcError: an unknown api_id, or a key whose client never introduced itself.
    """
    while True:
        match request:
            case functions.InvokeWithLayerRequest():
                if request.layer < 1:
                    raise RpcError(400, "CONNECTION_LAYER_INVALID")
            case functions.InitConnectionRequest():
                if request.api_id not in {api_id for api_id, _ in call.world.api_credentials}:
                    raise RpcError(400, "API_ID_INVALID")
                call.key.initialised = True
            case functions.InvokeWithoutUpdatesRequest():
                log.debug("a client without updates")
            case _:
                break
        request = request.query
    if not call.key.initialised:
        raise RpcError(400, "CONNECTION_NOT_INITED")
    return request


def execute(call: Call, request: Any) -> Any:
    """Return a method's result: a TL object, a list of them, a bool or a FilePart.

    Raises:
        RpcError: what the client is to be told instead.
    """
    function = _methods.get(type(request))
    if function is None:
        log.error("%s is not simulated", method_name(request))
        raise RpcError(400, "METHOD_INVALID")
    if type(request) not in _OPEN and call.key.user is None:
        raise RpcError(401, "AUTH_KEY_UNREGISTERED")
    try:
        return function(call, request)
    except RpcError:
        raise
    except Exception:
        # A 500 would make clients try again for many seconds; this is to be seen at once.
        log.exception("%s failed", method_name(request))
        raise RpcError(400, "SIMULATOR_FAILED") from None


_SECRET_FIELDS = frozenset({"bot_auth_token", "api_hash", "file_reference", "access_hash", "password"})


def public_params(request: Any) -> dict[str, object]:
    """Return a request's fields for the journal, without what must not be shown."""
    return _without_secrets(request.to_dict()) if isinstance(request, TLObject) else {}


def _without_secrets(fields: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: _without_secrets(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
        if name not in _SECRET_FIELDS
    }


def error_result(error: RpcError) -> list[bytes]:
    """Return rpc_error as the body of an answer."""
    return [bytes(types.RpcError(error.code, error.name))]


def serialise(result: Any) -> Sequence[bytes]:
    """Return a result as TL bytes, packed when that pays. File parts never are: media does not compress."""
    if isinstance(result, FilePart):
        return result.parts()
    if isinstance(result, bool):
        return [_BOOLS[result].to_bytes(4, "little")]
    if isinstance(result, list):
        plain = struct.pack("<Ii", _VECTOR, len(result)) + b"".join(map(bytes, result))
    else:
        plain = bytes(result)
    if len(plain) <= _WORTH_PACKING:
        return [plain]
    packed = GZIP_PACKED.to_bytes(4, "little") + TLObject.serialize_bytes(gzip.compress(plain, 6))
    return [packed if len(packed) < len(plain) * _PACKING_GAIN else plain]
