"""Keys, sessions and the reading of objects by themselves, without a connection."""

import gzip
import struct
from dataclasses import dataclass

import pytest
from telethon.tl import TLObject, functions

from teltubby_simulator.logins import Authorization
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.keys import SALT_PERIOD, AuthKey
from teltubby_simulator.mtproto.session import CONTAINER, BadMessageError, Fault, Incoming, Session
from teltubby_simulator.mtproto.wire import GZIP_PACKED, UnreadableError, read_object, unzip

NOW = 1_700_000_000.0
PING = bytes(functions.PingRequest(1))


@dataclass(eq=False)
class Link:
    """A connection that is over when the test says so."""

    over: bool = False


@pytest.fixture
def key() -> AuthKey:
    return AuthKey(bytes(range(256)), NOW, 42, authorization=Authorization(User(1, "Archivist")))


def test_salts_are_good_for_two_periods(key: AuthKey) -> None:
    second = key.salt(NOW + SALT_PERIOD)
    assert key.salt(NOW) == 42 != second
    assert key.accepts_salt(42, NOW + 2 * SALT_PERIOD - 1)
    assert not key.accepts_salt(42, NOW + 2 * SALT_PERIOD)
    assert not key.accepts_salt(second, NOW)
    assert [each.salt for each in key.future_salts(2, NOW)] == [42, second]


def test_connections_that_take_turns_kill_the_key(key: AuthKey) -> None:
    first, second = Link(), Link()
    for link in (first, first, second, second):
        key.note_request(link)
        assert not key.duplicated
    key.note_request(first)
    assert key.duplicated


def test_an_older_request_read_late_does_not_kill_the_key(key: AuthKey) -> None:
    """The client closed its first connection and opened another; what the first had sent is read last."""
    first, second = Link(), Link()
    key.note_request(first)
    first.over = True
    key.note_request(second)
    key.note_request(first)
    key.note_request(second)
    assert not key.duplicated


def test_going_back_after_the_other_connection_closed_is_no_duplicate(key: AuthKey) -> None:
    first, second = Link(), Link()
    key.note_request(first)
    key.note_request(second)
    key.forget(second)
    key.note_request(first)
    third = Link()
    key.note_request(third)
    third.over = True
    key.note_request(first)
    assert not key.duplicated


def test_only_so_many_sessions_are_kept(key: AuthKey) -> None:
    first = key.session(0)
    for session_id in range(1, 1000):
        key.session(session_id)
    assert len(key.sessions) < 300
    assert key.session(0) is not first


def test_answers_are_kept_within_bounds() -> None:
    session = Session(1)
    kept = []
    for number in range(3000):
        msg_id = (number + 1) * 4
        assert session.accept(Incoming(msg_id, 2 * number + 1, PING), content_related=True)
        session.remember_answer(msg_id, msg_id + 1, [bytes(10_000)])
        kept.append(msg_id)
    sizes = [len(known.answer or b"") for each in kept if (known := session.known(each))]
    assert len(sizes) == 1024
    assert 900_000 < sum(sizes) <= 1 << 20
    assert session.answer_by_id(kept[-1] + 1) == bytes(10_000)
    session.acknowledge([kept[-1] + 1])
    assert session.answer_by_id(kept[-1] + 1) is None
    assert session.state_of(kept[-1]) == 4 + 8 + 64
    assert session.state_of(kept[0]) == 1


def test_server_ids_grow_and_tell_answers_from_news() -> None:
    session = Session(1)
    ids = [session.next_id(NOW, is_answer=bool(number % 2)) for number in range(100)]
    assert ids == sorted(set(ids))
    assert [each % 4 for each in ids] == [3, 1] * 50
    assert [session.next_seqno(content_related=each) for each in (True, False, True, True)] == [1, 2, 3, 5]


def container(*messages: tuple[int, int, bytes]) -> bytes:
    inner = b"".join(struct.pack("<qii", msg_id, seqno, len(body)) + body for msg_id, seqno, body in messages)
    return struct.pack("<Ii", CONTAINER, len(messages)) + inner


@pytest.mark.parametrize(
    "body",
    [
        container(),
        container((4, 1, container((4, 1, PING)))),
        container((400, 1, PING)),
        container((5, 1, PING)),
        container((4, 1, PING))[:-4],
        container((4, 1, PING)) + bytes(4),
        container((4, 1, PING[:-1])),
        struct.pack("<Iiqii", CONTAINER, 1, 4, 1, -4),
        struct.pack("<Ii", CONTAINER, 1 << 30),
    ],
)
def test_malformed_containers_are_refused(body: bytes) -> None:
    with pytest.raises(BadMessageError) as caught:
        Session(1).unpack(Incoming(100, 2, body))
    assert caught.value.fault is Fault.BAD_CONTAINER


def packed(plain: bytes) -> bytes:
    return GZIP_PACKED.to_bytes(4, "little") + bytes(TLObject.serialize_bytes(gzip.compress(plain)))


def test_gzip_is_opened_within_bounds() -> None:
    assert unzip(packed(PING)) == PING
    assert unzip(PING) is PING
    with pytest.raises(UnreadableError, match="TOO_LONG"):
        unzip(packed(bytes(17 << 20)))
    for damaged in (packed(PING)[:12], GZIP_PACKED.to_bytes(4, "little") + b"\x04nope\x00\x00\x00"):
        with pytest.raises(UnreadableError, match="FETCH_ERROR"):
            unzip(damaged)


def test_gzip_within_a_wrapper_has_bounds_too() -> None:
    def wrapped(inner: bytes) -> bytes:
        number: int = functions.InvokeWithoutUpdatesRequest.CONSTRUCTOR_ID
        return number.to_bytes(4, "little") + inner

    assert read_object(wrapped(packed(PING))).query.ping_id == 1
    with pytest.raises(UnreadableError, match="TOO_LONG"):
        read_object(wrapped(packed(bytes(17 << 20))))
    with pytest.raises(UnreadableError, match="FETCH_ERROR"):
        read_object(wrapped(packed(PING)[:-8]))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"\x01\x02\x03\x04", f"INPUT_METHOD_INVALID_{0x04030201}"),
        (PING + bytes(4), "INPUT_REQUEST_TOO_LONG"),
        (PING[:-4], "INPUT_FETCH_ERROR"),
        (b"\x01", "INPUT_FETCH_ERROR"),
    ],
)
def test_every_byte_of_an_object_is_accounted_for(body: bytes, name: str) -> None:
    with pytest.raises(UnreadableError, match=name):
        read_object(body)
