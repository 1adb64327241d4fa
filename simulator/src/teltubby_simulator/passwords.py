"""Passwords of two-step verification: what Telegram keeps of one, and the exchange in which a client proves it.

Source: core.telegram.org/api/srp. The server never has the password itself, nor anything from which it could be read.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Self

from teltubby_simulator.dh_group import DH_PRIME, GENERATOR

PRIME_BYTES = DH_PRIME.to_bytes(256, "big")
_ITERATIONS = 100_000
_GENERATOR_BYTES = GENERATOR.to_bytes(256, "big")
_SALT_SIZES = (40, 16)  # bytes
_LEAST_DISTANCE = 1 << (2048 - 64)  # that A keeps from both ends of the group


@dataclass(frozen=True)
class Password:
    """What is kept of a password. Making it takes some 0.1 s of computing, as it is meant to."""

    salt1: bytes
    salt2: bytes
    verifier: int
    hint: str | None = None

    @classmethod
    def of(cls, plain: str, hint: str | None = None) -> Self:
        """Return what is kept of ``plain``. Raises ValueError for an empty one."""
        if not plain:
            raise ValueError("a password is not empty")
        salt1, salt2 = map(secrets.token_bytes, _SALT_SIZES)
        inner = _salted(salt2, _salted(salt1, plain.encode()))
        stretched = hashlib.pbkdf2_hmac("sha512", inner, salt1, _ITERATIONS)
        exponent = int.from_bytes(_salted(salt2, stretched), "big")
        return cls(salt1, salt2, pow(GENERATOR, exponent, DH_PRIME), hint)


class Challenge:
    """One exchange about one password: good for one try."""

    def __init__(self, password: Password) -> None:
        self.password = password
        self.id = int.from_bytes(secrets.token_bytes(8), "big", signed=True)
        self._secret = int.from_bytes(secrets.token_bytes(256), "big")
        multiplier = int.from_bytes(_hash(PRIME_BYTES, _GENERATOR_BYTES), "big")
        public = (multiplier * password.verifier + pow(GENERATOR, self._secret, DH_PRIME)) % DH_PRIME
        self.public = public.to_bytes(256, "big")
        """The server's part, srp_B."""

    def is_met(self, client_part: bytes, proof: bytes) -> bool:
        """Tell whether ``proof`` (M1) is that of who knows the password; ``client_part`` is A, in up to 256 bytes."""
        number = int.from_bytes(client_part, "big")
        if not _LEAST_DISTANCE <= number <= DH_PRIME - _LEAST_DISTANCE:
            return False
        padded = number.to_bytes(256, "big")
        scrambler = int.from_bytes(_hash(padded, self.public), "big")
        shared = pow(number * pow(self.password.verifier, scrambler, DH_PRIME), self._secret, DH_PRIME)
        expected = _hash(
            _xor(_hash(PRIME_BYTES), _hash(_GENERATOR_BYTES)),
            _hash(self.password.salt1),
            _hash(self.password.salt2),
            padded,
            self.public,
            _hash(shared.to_bytes(256, "big")),
        )
        return hmac.compare_digest(expected, proof)


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _salted(salt: bytes, inner: bytes) -> bytes:
    return _hash(salt, inner, salt)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
