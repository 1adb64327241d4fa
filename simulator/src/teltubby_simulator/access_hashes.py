"""Access hashes: what an account must show to address somebody or something. Each account gets its own.

Source: core.telegram.org/api/peers#access-hash.
"""

import hashlib
import struct

from teltubby_simulator.model import Chat, StoredFile, User


def access_hash(viewer: User, of: User | Chat | StoredFile) -> int:
    """Return the access_hash with which ``viewer`` addresses a user, channel, document or photo: 64 bits, signed."""
    digest = hashlib.sha256(struct.pack("<qqq", viewer.id, of.id, of.hash_seed)).digest()
    return int.from_bytes(digest[:8], "little", signed=True)
