"""The key exchange: four messages in plain text after which client and server share an authorization key.

Source: core.telegram.org/mtproto/auth_key. One Handshake belongs to one connection. Keys that expire
(p_q_inner_data_temp, for perfect forward secrecy) are refused: no client here asks for them.
"""

import hashlib
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from telethon.crypto import AES
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl import functions, types

from teltubby_simulator.dh_group import DH_PRIME, GENERATOR
from teltubby_simulator.mtproto.crypto import ServerKey, sha1
from teltubby_simulator.mtproto.keys import AuthKey

_SAFE_RANGE = 1 << (2048 - 64)  # g_a and g_b must keep this far away from both ends
_PRIME_RANGE = (1 << 29, 1 << 31)  # factors of pq: the product's top bit stays clear, it is read as signed
_MAX_RETRIES = 5


class HandshakeError(Exception):
    """The client broke the rules of the exchange; ``code`` is the transport error it gets."""

    def __init__(self, reason: str, code: int = 404) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class _Started:
    """After req_pq."""

    nonce: int
    server_nonce: int
    p: int
    q: int


@dataclass
class _Agreed:
    """After req_DH_params."""

    nonce: int
    server_nonce: int
    new_nonce: int
    secret: int
    retries: int = 0


class Handshake:
    """The exchange on one connection, step by step; ``register`` is called with the finished key."""

    def __init__(
        self, server_key: ServerKey, dc_id: int, now: Callable[[], float], register: Callable[[AuthKey], bool]
    ) -> None:
        self._key = server_key
        self._dc_id = dc_id
        self._now = now
        self._register = register
        self._state: _Started | _Agreed | None = None

    def answer(self, request: Any) -> Any:
        """Return the answer to the next request.

        Raises:
            HandshakeError: out of order, or not what the rules ask for.
        """
        match request:
            case functions.ReqPqMultiRequest() | functions.ReqPqRequest():
                return self._offer(request.nonce)
            case functions.ReqDHParamsRequest() if isinstance(self._state, _Started):
                return self._send_params(request, self._state)
            case functions.SetClientDHParamsRequest() if isinstance(self._state, _Agreed):
                return self._finish(request, self._state)
        raise HandshakeError(f"{type(request).__name__} is not what comes next")

    def _offer(self, nonce: int) -> types.ResPQ:
        p, q = sorted((_prime(), _prime()))
        while p == q:
            p, q = sorted((_prime(), _prime()))
        self._state = _Started(nonce, _random_int(16), p, q)
        return types.ResPQ(nonce, self._state.server_nonce, _bytes_of(p * q), [self._key.fingerprint])

    def _send_params(self, request: Any, started: _Started) -> types.ServerDHParamsOk:
        _same_nonces(request, started)
        if (request.p, request.q) != (_bytes_of(started.p), _bytes_of(started.q)):
            raise HandshakeError("wrong factors of pq")
        if request.public_key_fingerprint != self._key.fingerprint:
            raise HandshakeError("another server's key")
        inner = self._decrypt_inner(request.encrypted_data)
        _same_nonces(inner, started)
        if (inner.pq, inner.p, inner.q) != (_bytes_of(started.p * started.q), request.p, request.q):
            raise HandshakeError("encrypted pq differs from the open one")
        agreed = _Agreed(started.nonce, started.server_nonce, inner.new_nonce, secrets.randbits(2048))
        self._state = agreed
        own_part = pow(GENERATOR, agreed.secret, DH_PRIME)
        answer = bytes(
            types.ServerDHInnerData(
                nonce=agreed.nonce,
                server_nonce=agreed.server_nonce,
                g=GENERATOR,
                dh_prime=_bytes_of(DH_PRIME),
                g_a=_bytes_of(own_part),
                server_time=int(self._now()),
            )
        )
        plain = sha1(answer) + answer
        plain += secrets.token_bytes(-len(plain) % 16)
        encrypted = AES.encrypt_ige(plain, *generate_key_data_from_nonce(agreed.server_nonce, agreed.new_nonce))
        return types.ServerDHParamsOk(agreed.nonce, agreed.server_nonce, encrypted)

    def _decrypt_inner(self, encrypted: bytes) -> Any:
        if len(encrypted) != 256:
            raise HandshakeError(f"{len(encrypted)} bytes of RSA data")
        block = self._key.decrypt(encrypted)
        inner = _read_object(_unpad(block) or _unhash(block[1:], "RSA data"))
        if isinstance(inner, types.PQInnerDataDc):
            # Test environments add 10000; media DCs are negative.
            if abs(inner.dc) % 10000 != self._dc_id:
                raise HandshakeError(f"meant for DC {inner.dc}", code=444)
        elif not isinstance(inner, types.PQInnerData):
            raise HandshakeError(f"{type(inner).__name__} is not supported")
        return inner

    def _finish(self, request: Any, agreed: _Agreed) -> types.DhGenOk | types.DhGenRetry:
        _same_nonces(request, agreed)
        if not request.encrypted_data or len(request.encrypted_data) % 16:
            raise HandshakeError("encrypted_data is not made of blocks")
        cipher_key = generate_key_data_from_nonce(agreed.server_nonce, agreed.new_nonce)
        inner = _read_object(_unhash(AES.decrypt_ige(request.encrypted_data, *cipher_key), "client data"))
        if not isinstance(inner, types.ClientDHInnerData):
            raise HandshakeError(f"{type(inner).__name__} instead of client_DH_inner_data")
        _same_nonces(inner, agreed)
        other_part = int.from_bytes(inner.g_b, "big")
        if not _SAFE_RANGE <= other_part <= DH_PRIME - _SAFE_RANGE:
            raise HandshakeError("g_b is out of its range")
        shared = pow(other_part, agreed.secret, DH_PRIME)
        key = AuthKey(shared.to_bytes(256, "big"), self._now(), _first_salt(agreed))
        if self._register(key):
            self._state = None
            return types.DhGenOk(agreed.nonce, agreed.server_nonce, _proof(agreed, key.secret, 1))
        agreed.retries += 1
        if agreed.retries > _MAX_RETRIES:
            raise HandshakeError("too many retries")
        return types.DhGenRetry(agreed.nonce, agreed.server_nonce, _proof(agreed, key.secret, 2))


def _same_nonces(message: Any, state: _Started | _Agreed) -> None:
    if (message.nonce, message.server_nonce) != (state.nonce, state.server_nonce):
        raise HandshakeError(f"{type(message).__name__} carries other nonces")


def _unpad(block: bytes) -> bytes | None:
    """Return the data of an RSA_PAD block, or None if it is none: then it may be padded the older way."""
    masked_key, encrypted = block[:32], block[32:]
    mask = hashlib.sha256(encrypted).digest()
    temp_key = bytes(a ^ b for a, b in zip(masked_key, mask, strict=True))
    plain: bytes = AES.decrypt_ige(encrypted, temp_key, bytes(32))
    padded, digest = plain[:192][::-1], plain[192:]
    return padded if hashlib.sha256(temp_key + padded).digest() == digest else None


def _unhash(plain: bytes, what: str) -> bytes:
    """Return the data behind its SHA-1 without the padding, whose length only the hash tells.

    Objects are whole words, and padding is shorter than a block except in RSA data, so few lengths qualify.
    """
    digest, rest = plain[:20], plain[20:]
    for end in range(len(rest), 0, -1):
        if sha1(rest[:end]) == digest:
            return rest[:end]
    raise HandshakeError(f"{what}: the hash does not match")


def _read_object(raw: bytes) -> Any:
    try:
        return BinaryReader(raw).tgread_object()
    except (BufferError, LookupError, RuntimeError, struct.error, TypeError, ValueError) as error:
        raise HandshakeError("encrypted data is no TL object") from error


def _first_salt(agreed: _Agreed) -> int:
    new_nonce = agreed.new_nonce.to_bytes(32, "little", signed=True)
    server_nonce = agreed.server_nonce.to_bytes(16, "little", signed=True)
    mixed = bytes(a ^ b for a, b in zip(new_nonce[:8], server_nonce[:8], strict=True))
    return int.from_bytes(mixed, "little", signed=True)


def _proof(agreed: _Agreed, key: bytes, number: int) -> int:
    """Return new_nonce_hash<number>: it shows the client that both have the same key."""
    new_nonce = agreed.new_nonce.to_bytes(32, "little", signed=True)
    return int.from_bytes(sha1(new_nonce, bytes([number]), sha1(key)[:8])[4:], "little", signed=True)


def _random_int(size: int) -> int:
    return int.from_bytes(secrets.token_bytes(size), "little", signed=True)


def _bytes_of(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _prime() -> int:
    while True:
        low, high = _PRIME_RANGE
        candidate = low + secrets.randbelow(high - low) | 1
        if _is_prime(candidate):
            return candidate


def _is_prime(number: int) -> bool:
    """Miller-Rabin; these bases leave no doubt below 3,215,031,751."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7):
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        if not any((power := power * power % number) == number - 1 for _ in range(twos - 1)):
            return False
    return True
