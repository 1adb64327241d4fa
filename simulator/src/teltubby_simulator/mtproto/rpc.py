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

from teltubby_simulator.faults import Asked
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.authorizations import Exports
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
    offset: int  # bytes
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
    """The data centre where methods work: the world, and what all data centres tell about themselves."""

    world: World
    dc_id: int
    exports: Exports
    dc_options: Callable[[], list[types.DcOption]]

    @property
    def now(self) -> float:
        """Unix seconds by Telegram's clock: the world's, unless it is ordered to be wrong."""
        return self.world.clock() + self.world.faults.mtproto.clock_skew


@dataclass(frozen=True)
class Call:
    """Who calls: the key, over which connection, and the site the call is made at."""

    site: Site
    key: AuthKey
    connection: int
    media: bool

    @property
    def world(self) -> World:
        return self.site.world

    def asked(self, request: Any) -> Asked:
        """Return what rules of trouble look at."""
        user, location = self.key.user, getattr(request, "location", None)
        offset = getattr(request, "offset", None) if location is not None else None
        return Asked(
            "mtproto",
            method_name(request),
            account=user.id if user else None,
            dc_id=self.site.dc_id,
            media=self.media,
            file_id=getattr(location, "id", None),
            first_byte=offset,
            end_byte=None if offset is None else offset + getattr(request, "limit", 0),
        )

    @property
    def user(self) -> User:
        """The account logged in. Raises RpcError if there is none."""
        authorization = self.key.authorization
        if authorization is None or not authorization.valid:
            ended = None if authorization is None else authorization.ended
            raise RpcError(401, ended or "AUTH_KEY_UNREGISTERED")
        return authorization.user

    def log_in(self, user: User) -> None:
        """Give the key a login of its own, which takes the place of one that it had."""
        key = self.key
        if key.authorization is not None and key.authorization.valid:
            key.authorization.ended = "AUTH_KEY_UNREGISTERED"
        key.authorization = self.world.logins.begin(user)
        key.owing = key.challenge = key.login_token = None


Method = Callable[[Call, Any], Any]
M = TypeVar("M", bound=Method)


@dataclass(frozen=True)
class _Rules:
    """A method, and who may call it where."""

    function: Method
    login: bool
    anywhere: bool
    bots: bool


_methods: dict[type[Any], _Rules] = {}


def method(
    request_type: type[Any], *, login: bool = True, anywhere: bool = False, bots: bool = True
) -> Callable[[M], M]:
    """Register a function as the answer to a request.

    ``login``: only for those logged in. ``anywhere``: also at other data centres than the account's own. ``bots``: also
    for bots, else for people alone.
    """

    def register(function: M) -> M:
        _methods[request_type] = _Rules(function, login, anywhere or not login, bots)
        return function

    return register


def method_name(request: Any) -> str:
    """Return Telegram's name of a request's method, such as upload.getFile."""
    if not isinstance(request, TLObject):
        return "unreadable"
    name = type(request).__name__.removesuffix("Request")
    room = type(request).__module__.rpartition(".")[2]
    short = name[:1].lower() + name[1:]
    return short if room in ("functions", "types") else f"{room}.{short}"


_WRAPPERS = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeWithoutUpdatesRequest,
)


def innermost(request: Any) -> Any:
    """Return what is wrapped up in a request, without noting anything."""
    while isinstance(request, _WRAPPERS):
        request = request.query
    return request


def spares_updates(request: Any) -> bool:
    """Tell whether a request is not to make its session one that gets updates; what is no request does not either."""
    if not isinstance(request, TLObject):
        return True
    while isinstance(request, _WRAPPERS):
        if isinstance(request, functions.InvokeWithoutUpdatesRequest):
            return True
        request = request.query
    return False


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
    rules = _methods.get(type(request))
    if rules is None:
        log.error("%s is not simulated", method_name(request))
        raise RpcError(400, "METHOD_INVALID")
    if rules.login and call.user.dc_id != call.site.dc_id and not rules.anywhere:
        raise RpcError(303, f"USER_MIGRATE_{call.user.dc_id}")
    if not rules.bots and call.key.user is not None and call.key.user.is_bot:
        raise RpcError(400, "BOT_METHOD_INVALID")
    try:
        return rules.function(call, request)
    except RpcError:
        raise
    except Exception:
        # A 500 would make clients try again for many seconds; this is to be seen at once.
        log.exception("%s failed", method_name(request))
        raise RpcError(400, "SIMULATOR_FAILED") from None


_SECRET_FIELDS = frozenset(
    {
        "bot_auth_token",
        "api_hash",
        "file_reference",
        "access_hash",
        "password",
        "bytes",
        "phone_number",
        "phone_code",
        "phone_code_hash",
        "token",
        "settings",  # tokens of earlier logins
    }
)


def public_params(request: Any) -> dict[str, object]:
    """Return a request's fields for the journal, without what must not be shown."""
    found = _without_secrets(request.to_dict()) if isinstance(request, TLObject) else {}
    return found if isinstance(found, dict) else {}


def _without_secrets(value: Any) -> object:
    if isinstance(value, Mapping):
        return {name: _without_secrets(each) for name, each in value.items() if name not in _SECRET_FIELDS}
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


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
