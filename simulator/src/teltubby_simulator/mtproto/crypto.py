"""Keys and ciphers of MTProto 2.0 as the server uses them: message keys, AES-IGE, the server's RSA key.

Source: core.telegram.org/mtproto/description, .../auth_key.
"""

import hashlib
import os
import struct
from collections.abc import Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from telethon.crypto import AES
from telethon.tl.tlobject import TLObject

_RSA_BITS = 2048
_BLOCK = 16  # bytes of an AES block
_MIN_PADDING = 12  # bytes; MTProto 2.0 demands 12 to 1024
_MAX_PADDING = 1024
_FROM_CLIENT, _FROM_SERVER = 0, 8  # where in the key each direction takes its bytes


class DecryptionError(Exception):
    """An encrypted packet that nobody with the key can have made."""


def sha1(*parts: bytes) -> bytes:
    """Return the SHA-1 of the concatenation: the hash that MTProto's key exchange prescribes."""
    digest = hashlib.sha1()  # noqa: S324
    for part in parts:
        digest.update(part)
    return digest.digest()


def key_id(key: bytes) -> int:
    """Return the 64 lower bits of the key's SHA-1, by which packets name their key."""
    return int.from_bytes(sha1(key)[12:], "little")


def _cipher_key(auth_key: bytes, msg_key: bytes, direction: int) -> tuple[bytes, bytes]:
    first = hashlib.sha256(msg_key + auth_key[direction : direction + 36]).digest()
    second = hashlib.sha256(auth_key[direction + 40 : direction + 76] + msg_key).digest()
    return (
        first[:8] + second[8:24] + first[24:],
        second[:8] + first[8:24] + second[24:],
    )


def decrypt_packet(auth_key: bytes, packet: bytes) -> bytes:
    """Return salt, session id, message and padding of a client's packet.

    Raises:
        DecryptionError: wrong size, or a message key that does not belong to the content.
    """
    msg_key, cipher_text = packet[8:24], packet[24:]
    if not cipher_text or len(cipher_text) % _BLOCK:
        raise DecryptionError(f"{len(cipher_text)} encrypted bytes")
    plain: bytes = AES.decrypt_ige(cipher_text, *_cipher_key(auth_key, msg_key, _FROM_CLIENT))
    if hashlib.sha256(auth_key[88:120] + plain).digest()[8:24] != msg_key:
        raise DecryptionError("msg_key does not match")
    return plain


def check_length(plain: bytes, length: int) -> None:
    """Judge the length a message gives itself against what was decrypted.

    Raises:
        DecryptionError: not a multiple of 4, negative, or padding outside 12 to 1024 bytes.
    """
    padding = len(plain) - 32 - length
    if length < 0 or length % 4 or not _MIN_PADDING <= padding <= _MAX_PADDING:
        raise DecryptionError(f"message of {length} bytes with {padding} bytes of padding")


def encrypt_packet(auth_key: bytes, parts: Sequence[bytes]) -> list[bytes]:
    """Return the pieces of a packet for the client; ``parts`` are joined exactly once."""
    size = sum(map(len, parts))
    padding = os.urandom(-(size + _MIN_PADDING) % _BLOCK + _MIN_PADDING)
    plain = b"".join((*parts, padding))
    digest = hashlib.sha256(auth_key[96:128])
    digest.update(plain)
    msg_key = digest.digest()[8:24]
    cipher_text = AES.encrypt_ige(plain, *_cipher_key(auth_key, msg_key, _FROM_SERVER))
    return [key_id(auth_key).to_bytes(8, "little") + msg_key, cipher_text]


class ServerKey:
    """The RSA key by which clients recognise this server: a given one, or a new one."""

    def __init__(self, private_pem: bytes | None = None) -> None:
        """``private_pem``: a private key of 2048 bits, as Telegram's are, in PEM (PKCS#1 or PKCS#8).

        Raises:
            ValueError: it is something else.
        """
        private = _read_private_key(private_pem) if private_pem is not None else _new_private_key()
        numbers = private.private_numbers()
        self._p, self._q = numbers.p, numbers.q
        self._dmp1, self._dmq1, self._iqmp = numbers.dmp1, numbers.dmq1, numbers.iqmp
        public = private.public_key()
        self.pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
        self.fingerprint = _fingerprint(public.public_numbers())

    def decrypt(self, cipher_text: bytes) -> bytes:
        """Return the 256 bytes that were encrypted without any padding scheme; they may mean nothing."""
        value = int.from_bytes(cipher_text, "big") % (self._p * self._q)
        by_p, by_q = pow(value, self._dmp1, self._p), pow(value, self._dmq1, self._q)
        plain = by_q + self._q * ((by_p - by_q) * self._iqmp % self._p)
        return plain.to_bytes(_RSA_BITS // 8, "big")


def _new_private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def _read_private_key(pem: bytes) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:  # the latter: it is encrypted
        raise ValueError(f"holds no private key in PEM form without a password: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != _RSA_BITS:
        raise ValueError(f"holds no RSA key of {_RSA_BITS} bits")
    return key


def _fingerprint(numbers: rsa.RSAPublicNumbers) -> int:
    modulus, exponent = (
        TLObject.serialize_bytes(value.to_bytes((value.bit_length() + 7) // 8, "big"))
        for value in (numbers.n, numbers.e)
    )
    (fingerprint,) = struct.unpack("<q", sha1(modulus, exponent)[12:])
    return int(fingerprint)
