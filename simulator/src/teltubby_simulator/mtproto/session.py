"""One MTProto session: which message ids and sequence numbers it has seen, and the answers it may have to repeat.

Rules of core.telegram.org/mtproto/description and .../service_messages_about_messages. Knows no connection, no cipher.
"""

import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

_TOO_OLD = 300  # seconds that a client's message id may lie behind
_TOO_NEW = 30  # seconds that it may run ahead
_REMEMBERED = 1024  # messages of which the session knows that they came
_CACHED_BYTES = 1 << 20  # of answers kept for repetition; larger ones are made again
_CACHED_ANSWER = 64 << 10
_CONTAINER_LIMIT = 1020  # messages in a container
CONTAINER = 0x73F1F8DC


class Fault(IntEnum):
    """Error codes of bad_msg_notification."""

    ID_TOO_LOW = 16
    ID_TOO_HIGH = 17
    ID_BITS = 18
    CONTAINER_ID = 19
    SEQNO_TOO_LOW = 32
    SEQNO_TOO_HIGH = 33
    SEQNO_NOT_EVEN = 34
    SEQNO_NOT_ODD = 35
    BAD_SALT = 48
    BAD_CONTAINER = 64


@dataclass(frozen=True)
class Incoming:
    """One message of a client, taken out of its container."""

    msg_id: int
    seqno: int
    body: bytes

    @property
    def constructor(self) -> int:
        return int.from_bytes(self.body[:4], "little")


@dataclass
class Received:
    """What has become of a message: answered or not, and with what."""

    answer_id: int | None = None  # the server's message id
    answer: bytes | None = None  # None when too large to keep
    acknowledged: bool = False


class BadMessageError(Exception):
    """A message to be refused with bad_msg_notification."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault


class Session:
    """A client's session on one authorization key; at Telegram it outlives its connections."""

    def __init__(self, session_id: int) -> None:
        self.id = session_id
        self.announced = False  # by new_session_created
        self._received: OrderedDict[int, Received] = OrderedDict()
        self._by_answer: dict[int, Received] = {}
        self._newest = (0, -1)  # highest msg_id and its seqno
        self._cached = 0
        self._last_sent_id = 0
        self._sent_content = 0

    # What comes in

    def check_envelope(self, message: Incoming, now: float) -> None:
        """Judge the outer message's id by the clock.

        Raises:
            BadMessageError: 16, 17 or 18.
        """
        if message.msg_id % 4:
            raise BadMessageError(Fault.ID_BITS)
        sent = message.msg_id / 2**32
        if sent < now - _TOO_OLD:
            raise BadMessageError(Fault.ID_TOO_LOW)
        if sent > now + _TOO_NEW:
            raise BadMessageError(Fault.ID_TOO_HIGH)

    def accept(self, message: Incoming, *, content_related: bool | None) -> bool:
        """Take note of a message and return False if it has come before.

        ``content_related`` is what its seqno must say; None where clients differ.

        Raises:
            BadMessageError: its sequence number does not fit.
        """
        if message.msg_id in self._received:
            return False
        odd = bool(message.seqno % 2)
        if content_related is False and odd:
            raise BadMessageError(Fault.SEQNO_NOT_EVEN)
        if content_related is True and not odd:
            raise BadMessageError(Fault.SEQNO_NOT_ODD)
        newest_id, newest_seqno = self._newest
        same_odd = odd and message.seqno == newest_seqno
        if message.msg_id > newest_id:
            if message.seqno < newest_seqno or same_odd:
                raise BadMessageError(Fault.SEQNO_TOO_LOW)
            self._newest = (message.msg_id, message.seqno)
        elif message.seqno > newest_seqno or same_odd:
            raise BadMessageError(Fault.SEQNO_TOO_HIGH)
        self._received[message.msg_id] = Received()
        while len(self._received) > _REMEMBERED:
            _, oldest = self._received.popitem(last=False)
            self._by_answer.pop(oldest.answer_id or 0, None)
            self._drop_answer(oldest)
        return True

    def unpack(self, message: Incoming) -> list[Incoming]:
        """Return the messages of a container, or the message itself if it is none.

        Raises:
            BadMessageError: 19 for a container that came before, 64 for one that is not well-formed.
        """
        if message.constructor != CONTAINER:
            return [message]
        if message.msg_id in self._received:
            raise BadMessageError(Fault.CONTAINER_ID)
        return _unpack(message)

    def known(self, msg_id: int) -> Received | None:
        """Return what is known of a client's message."""
        return self._received.get(msg_id)

    def state_of(self, msg_id: int) -> int:
        """Return the state byte that msgs_state_info gives for a message id."""
        known = self._received.get(msg_id)
        if known is not None:
            return 4 + (8 if known.acknowledged else 0) + (64 if known.answer_id else 32)
        if msg_id > self._newest[0]:
            return 3
        oldest = next(iter(self._received), 0)
        return 1 if msg_id < oldest else 2

    def acknowledge(self, answer_ids: Sequence[int]) -> None:
        """The client has these answers: they need not be kept any longer."""
        for answer_id in answer_ids:
            received = self._by_answer.get(answer_id)
            if received is not None:
                received.acknowledged = True
                self._drop_answer(received)

    # What goes out

    def next_id(self, now: float, *, is_answer: bool) -> int:
        """Return a growing message id of the server: remainder 1 for answers, 3 for what it sends unasked."""
        lowest = max(int(now * 2**32), self._last_sent_id + 1)
        self._last_sent_id = lowest - lowest % 4 + 4 + (1 if is_answer else 3)
        return self._last_sent_id

    def next_seqno(self, *, content_related: bool) -> int:
        """Return the server's sequence number for its next message."""
        seqno = 2 * self._sent_content + content_related
        self._sent_content += content_related
        return seqno

    def remember_answer(self, msg_id: int, answer_id: int, answer: Sequence[bytes]) -> None:
        """Keep an answer for repetition if it is small; newer ones push older ones out."""
        received = self._received.get(msg_id)
        if received is None:
            return
        received.answer_id = answer_id
        self._by_answer[answer_id] = received
        size = sum(map(len, answer))
        if size > _CACHED_ANSWER or received.answer is not None:
            return
        received.answer = b"".join(answer)
        self._cached += size
        for older in self._received.values():
            if self._cached <= _CACHED_BYTES:
                break
            self._drop_answer(older)

    def answer_by_id(self, answer_id: int) -> bytes | None:
        """Return a kept answer by the server's message id."""
        received = self._by_answer.get(answer_id)
        return received.answer if received else None

    def _drop_answer(self, received: Received) -> None:
        if received.answer is not None:
            self._cached -= len(received.answer)
            received.answer = None


def _unpack(container: Incoming) -> list[Incoming]:
    body = container.body
    count = int.from_bytes(body[4:8], "little", signed=True)
    if not 0 < count <= _CONTAINER_LIMIT:
        raise BadMessageError(Fault.BAD_CONTAINER)
    inner, position = [], 8
    for _ in range(count):
        if position + 16 > len(body):
            raise BadMessageError(Fault.BAD_CONTAINER)
        msg_id, seqno, length = struct.unpack_from("<qii", body, position)
        position += 16
        each = Incoming(msg_id, seqno, body[position : position + max(length, 0)])
        well_formed = length >= 4 and length % 4 == 0 and len(each.body) == length
        if not well_formed or each.constructor == CONTAINER or msg_id >= container.msg_id or msg_id % 4:
            raise BadMessageError(Fault.BAD_CONTAINER)
        inner.append(each)
        position += length
    if position != len(body):
        raise BadMessageError(Fault.BAD_CONTAINER)
    return inner
