"""The rules below the calls, with a client that breaks them on purpose: transports, key exchange, messages."""

import asyncio
import hashlib
import itertools
import os
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from telethon.crypto import AES, AuthKey, Factorization
from telethon.crypto import rsa as telethon_rsa
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions, types
from telethon.tl.core import GzipPacked, MessageContainer, RpcResult

from teltubby_simulator.dh_group import DH_PRIME
from teltubby_simulator.mtproto import MtprotoServer
from teltubby_simulator.mtproto.session import Fault
from teltubby_simulator.world import World

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"


class TransportRefusedError(Exception):
    """The server answered with a transport error."""


class RawClient:
    """Speaks the padded intermediate transport and encrypts; everything else is for the test to decide."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.key = b""
        self.salt = 0
        self.session_id = 7
        self._ids = itertools.count(int(time.time()) << 32, 4)
        self._content = 0

    async def send_packet(self, packet: bytes) -> None:
        packet += os.urandom(5)
        self.writer.write(struct.pack("<i", len(packet)) + packet)
        await self.writer.drain()

    async def read_packet(self) -> bytes:
        async with asyncio.timeout(5):
            (length,) = struct.unpack("<i", await self.reader.readexactly(4))
            return await self.reader.readexactly(length)

    async def transport_error(self) -> int:
        packet = await self.read_packet()
        assert len(packet) < 8
        await self.closed()
        return -int(struct.unpack_from("<i", packet)[0])

    async def closed(self) -> None:
        async with asyncio.timeout(5):
            assert await self.reader.read() == b""

    async def ask(self, request: Any) -> Any:
        body = bytes(request)
        await self.send_packet(struct.pack("<qqi", 0, next(self._ids), len(body)) + body)
        answer = await self.read_packet()
        if len(answer) < 8:
            raise TransportRefusedError(-struct.unpack_from("<i", answer)[0])
        assert struct.unpack_from("<q", answer)[0] == 0
        return BinaryReader(answer[20:]).tgread_object()

    async def agree(self, encrypt: Callable[[bytes], bytes], dc: int | None = None) -> None:
        assert isinstance(await self.exchange(encrypt, dc), types.DhGenOk)

    async def exchange(self, encrypt: Callable[[bytes], bytes], dc: int | None = None, *, short: bool = False) -> Any:
        nonce = int.from_bytes(os.urandom(16), "little", signed=True)
        new_nonce = int.from_bytes(os.urandom(32), "little", signed=True)
        offer = await self.ask(functions.ReqPqMultiRequest(nonce))
        p, q = (telethon_rsa.get_byte_array(x) for x in Factorization.factorize(int.from_bytes(offer.pq, "big")))
        fields = [offer.pq, p, q, nonce, offer.server_nonce, new_nonce]
        inner = types.PQInnerData(*fields) if dc is None else types.PQInnerDataDc(*fields, dc)
        params = await self.ask(
            functions.ReqDHParamsRequest(
                nonce, offer.server_nonce, p, q, offer.server_public_key_fingerprints[0], encrypt(bytes(inner))
            )
        )
        cipher = generate_key_data_from_nonce(offer.server_nonce, new_nonce)
        dh = BinaryReader(AES.decrypt_ige(params.encrypted_answer, *cipher)[20:]).tgread_object()
        g_a, secret = int.from_bytes(dh.g_a, "big"), int.from_bytes(os.urandom(256), "big")
        shared = pow(g_a, secret, DH_PRIME)
        while short and shared >= 1 << 2040:
            secret, shared = secret + 1, shared * g_a % DH_PRIME
        g_b = telethon_rsa.get_byte_array(pow(dh.g, secret, DH_PRIME))
        data = bytes(types.ClientDHInnerData(nonce, offer.server_nonce, 0, g_b))
        sealed = AES.encrypt_ige(hashlib.sha1(data).digest() + data, *cipher)
        done = await self.ask(functions.SetClientDHParamsRequest(nonce, offer.server_nonce, sealed))
        self.key = shared.to_bytes(256, "big")
        number = 1 if isinstance(done, types.DhGenOk) else 2
        proof = AuthKey(self.key).calc_new_nonce_hash(new_nonce, number)
        assert getattr(done, f"new_nonce_hash{number}") == proof
        mixed = (
            new_nonce.to_bytes(32, "little", signed=True)[:8],
            offer.server_nonce.to_bytes(16, "little", signed=True),
        )
        self.salt = struct.unpack("<q", bytes(a ^ b for a, b in zip(*mixed, strict=False)))[0]
        return done

    def message_id(self) -> int:
        return next(self._ids)

    def odd(self) -> int:
        self._content += 1
        return 2 * self._content - 1

    async def send(self, body: Any, *, msg_id: int | None = None, seqno: int | None = None, **damage: Any) -> int:
        msg_id = self.message_id() if msg_id is None else msg_id
        seqno = self.odd() if seqno is None else seqno
        raw = bytes(body)
        salt, length = damage.get("salt", self.salt), damage.get("length", len(raw))
        plain = struct.pack("<qqqii", salt, self.session_id, msg_id, seqno, length) + raw
        plain += os.urandom(-(len(plain) + 12) % 16 + 12)
        msg_key = hashlib.sha256(self.key[88:120] + plain).digest()[8:24]
        cipher = MTProtoState._calc_key(self.key, msg_key, True)
        key_id = hashlib.sha1(self.key).digest()[12:]
        sealed = AES.encrypt_ige(plain, *cipher)
        if damage.get("flip"):  # a bit of the last block, which is padding
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        await self.send_packet(key_id + msg_key + sealed)
        return msg_id

    async def receive(self, *wanted: type[Any]) -> Any:
        """Return the next message of the wanted kinds."""
        while True:
            packet = await self.read_packet()
            assert len(packet) >= 24, f"transport error {packet!r}"
            sealed = packet[24:]
            sealed = sealed[: len(sealed) // 16 * 16]
            plain = AES.decrypt_ige(sealed, *MTProtoState._calc_key(self.key, packet[8:24], False))
            assert hashlib.sha256(self.key[96:128] + plain).digest()[8:24] == packet[8:24]
            (msg_id,) = struct.unpack_from("<q", plain, 16)
            assert msg_id % 4 in (1, 3)
            found = BinaryReader(plain[32:]).tgread_object()
            if isinstance(found, wanted):
                found.msg_id_of_server = msg_id
                return found

    async def refusal(self) -> int:
        return int((await self.receive(types.BadMsgNotification, types.BadServerSalt)).error_code)

    async def result(self) -> Any:
        answer = await self.receive(RpcResult)
        if answer.error:
            return f"{answer.error.error_code} {answer.error.error_message}"
        return BinaryReader(answer.body).tgread_object()

    async def call(self, request: Any) -> Any:
        await self.send(request)
        return await self.result()

    async def introduce(self) -> Any:
        hello = functions.InitConnectionRequest(
            API_ID, "d", "s", "a", "en", "", "en", functions.help.GetNearestDcRequest()
        )
        return await self.call(functions.InvokeWithLayerRequest(200, hello))


def old_padding(server: MtprotoServer) -> Callable[[bytes], bytes]:
    """RSA with a SHA-1 in front, as Telethon does it."""
    telethon_rsa.add_key(server.public_key_pem, old=False)
    return lambda data: bytes(telethon_rsa.encrypt(server._key.fingerprint, data))


def rsa_pad(server: MtprotoServer) -> Callable[[bytes], bytes]:
    """RSA_PAD of core.telegram.org/mtproto/auth_key."""
    telethon_rsa.add_key(server.public_key_pem, old=False)
    key, _ = telethon_rsa._server_keys[server._key.fingerprint]

    def encrypt(data: bytes) -> bytes:
        padded = data + os.urandom(192 - len(data))
        while True:
            temp_key = os.urandom(32)
            hashed = padded[::-1] + hashlib.sha256(temp_key + padded).digest()
            sealed = AES.encrypt_ige(hashed, temp_key, bytes(32))
            mask = hashlib.sha256(sealed).digest()
            block = bytes(a ^ b for a, b in zip(temp_key, mask, strict=True)) + sealed
            if (value := int.from_bytes(block, "big")) < key.n:
                return int.to_bytes(pow(value, key.e, key.n), 256, "big")

    return encrypt


@pytest.fixture
async def server() -> AsyncIterator[MtprotoServer]:
    world = World()
    world.add_bot("Archivist", "archivist_bot")
    server = MtprotoServer(world)
    await server.start()
    yield server
    await server.stop()


Connect = Callable[[], Awaitable[RawClient]]


@pytest.fixture
async def connect(server: MtprotoServer) -> AsyncIterator[Connect]:
    writers: list[asyncio.StreamWriter] = []

    async def open_connection() -> RawClient:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(writer)
        writer.write(b"\xdd" * 4)
        return RawClient(reader, writer)

    yield open_connection
    for writer in writers:
        writer.close()


@pytest.fixture
async def client(server: MtprotoServer, connect: Connect) -> RawClient:
    client = await connect()
    await client.agree(old_padding(server))
    return client


# The key exchange


@pytest.mark.parametrize("padding", [old_padding, rsa_pad])
@pytest.mark.parametrize("dc", [None, 2, -2, 10_002])
async def test_both_paddings_and_data_centre_forms_are_understood(
    server: MtprotoServer, connect: Connect, padding: Any, dc: int | None
) -> None:
    client = await connect()
    await client.agree(padding(server), dc)
    assert isinstance(await client.introduce(), types.NearestDc)


async def test_other_data_centre_is_refused(server: MtprotoServer, connect: Connect) -> None:
    client = await connect()
    with pytest.raises(TransportRefusedError, match="444"):
        await client.agree(rsa_pad(server), dc=4)


@pytest.mark.parametrize("padding", [old_padding, rsa_pad])
async def test_damaged_rsa_data_is_refused(server: MtprotoServer, connect: Connect, padding: Any) -> None:
    client = await connect()

    def damage(data: bytes) -> bytes:
        sealed = bytearray(padding(server)(data))
        sealed[100] ^= 1
        return bytes(sealed)

    with pytest.raises(TransportRefusedError, match="404"):
        await client.agree(damage)


async def test_secret_with_a_leading_zero_is_padded(server: MtprotoServer, connect: Connect) -> None:
    client = await connect()
    assert isinstance(await client.exchange(rsa_pad(server), short=True), types.DhGenOk)
    assert client.key[0] == 0
    assert isinstance(await client.introduce(), types.NearestDc)


async def test_exchange_out_of_order_is_refused(connect: Connect) -> None:
    client = await connect()
    with pytest.raises(TransportRefusedError, match="404"):
        await client.ask(functions.SetClientDHParamsRequest(1, 2, bytes(16)))


async def test_unknown_key_gets_404(connect: Connect) -> None:
    client = await connect()
    client.key = os.urandom(256)
    await client.send(functions.PingRequest(1))
    assert await client.transport_error() == 404


@pytest.mark.parametrize("damage", [{"flip": True}, {"length": 3}, {"length": 4000}, {"length": -4}])
async def test_damaged_packet_gets_404(client: RawClient, damage: dict[str, Any]) -> None:
    await client.send(functions.PingRequest(1), **damage)
    assert await client.transport_error() == 404


async def test_first_salt_is_the_agreed_one_and_a_wrong_one_is_corrected(client: RawClient) -> None:
    assert isinstance(await client.introduce(), types.NearestDc)
    await client.send(functions.PingRequest(1), salt=client.salt + 1)
    bad = await client.receive(types.BadServerSalt)
    assert (bad.error_code, bad.new_server_salt) == (Fault.BAD_SALT, client.salt)


async def test_a_new_session_is_announced_once(client: RawClient) -> None:
    first = await client.send(functions.PingRequest(1))
    created = await client.receive(types.NewSessionCreated)
    assert (created.first_msg_id, created.unique_id) == (first, client.session_id)
    await client.receive(types.Pong)
    await client.send(functions.PingRequest(2))
    assert isinstance(await client.receive(types.NewSessionCreated, types.Pong), types.Pong)


@pytest.mark.parametrize(
    ("seconds", "bits", "fault"),
    [(-301, 0, Fault.ID_TOO_LOW), (32, 0, Fault.ID_TOO_HIGH), (0, 1, Fault.ID_BITS), (0, 2, Fault.ID_BITS)],
)
async def test_message_ids_follow_the_clock(client: RawClient, seconds: int, bits: int, fault: Fault) -> None:
    await client.send(functions.PingRequest(1), msg_id=(int(time.time() + seconds) << 32) + bits)
    assert await client.refusal() == fault


async def test_sequence_numbers_follow_the_content(client: RawClient) -> None:
    await client.introduce()
    await client.send(functions.help.GetNearestDcRequest(), seqno=4)
    assert await client.refusal() == Fault.SEQNO_NOT_ODD
    await client.send(types.MsgsAck([1]), seqno=5)
    assert await client.refusal() == Fault.SEQNO_NOT_EVEN
    await client.send(functions.help.GetNearestDcRequest(), seqno=1)
    assert await client.refusal() == Fault.SEQNO_TOO_LOW


def container(*messages: tuple[int, int, Any]) -> bytes:
    inner = b"".join(struct.pack("<qii", i, s, len(bytes(b))) + bytes(b) for i, s, b in messages)
    return struct.pack("<Ii", MessageContainer.CONSTRUCTOR_ID, len(messages)) + inner


async def test_containers_are_unpacked_in_order(client: RawClient) -> None:
    await client.introduce()
    pings = [(client.message_id(), client.odd(), functions.PingRequest(n)) for n in (11, 12)]
    container_id = await client.send(container(*pings), seqno=2 * client._content)
    assert [(await client.receive(types.Pong)).ping_id for _ in range(2)] == [11, 12]
    await client.send(container(*pings), msg_id=container_id, seqno=2 * client._content)
    assert await client.refusal() == Fault.CONTAINER_ID


async def test_gzip_is_understood_and_used_where_it_pays(client: RawClient) -> None:
    await client.introduce()
    await client.send(bytes(GzipPacked(bytes(functions.help.GetConfigRequest()))))
    answer = await client.receive(RpcResult)
    assert isinstance(BinaryReader(answer.body).tgread_object(), types.Config)


async def test_same_message_again_gets_the_same_answer_once_more(client: RawClient, server: MtprotoServer) -> None:
    await client.introduce()
    request = functions.help.GetNearestDcRequest()
    msg_id = await client.send(request)
    first = await client.receive(RpcResult)
    await client.send(request, msg_id=msg_id, seqno=3)
    again = await client.receive(RpcResult)
    assert (again.req_msg_id, again.body[:12]) == (msg_id, first.body[:12])
    assert len(server.world.journal.entries("help.getNearestDc")) == 2  # introduce() is the other


async def test_states_resends_and_dropped_answers(client: RawClient) -> None:
    await client.introduce()
    msg_id = await client.send(functions.help.GetNearestDcRequest())
    answer = await client.receive(RpcResult)
    await client.send(types.MsgsStateReq([msg_id, msg_id + (20 << 32)]))
    state = await client.receive(types.MsgsStateInfo)
    assert [ord(each) for each in state.info] == [4 + 64, 3]
    await client.send(types.MsgResendReq([answer.msg_id_of_server]))
    assert (await client.receive(RpcResult)).req_msg_id == msg_id
    assert isinstance(await client.call(functions.RpcDropAnswerRequest(msg_id)), types.RpcAnswerDropped)
    assert isinstance(await client.call(functions.RpcDropAnswerRequest(msg_id - 4000)), types.RpcAnswerUnknown)


async def test_a_request_under_way_can_be_dropped(client: RawClient, server: MtprotoServer) -> None:
    await client.introduce()
    server.world.faults.mtproto.latency = 60
    msg_id = await client.send(functions.help.GetNearestDcRequest())
    assert isinstance(await client.call(functions.RpcDropAnswerRequest(msg_id)), types.RpcAnswerDroppedRunning)


async def test_salts_are_told_and_sessions_and_keys_destroyed(client: RawClient) -> None:
    await client.introduce()
    await client.send(functions.GetFutureSaltsRequest(3))
    salts = (await client.receive(types.FutureSalts)).salts
    assert (salts[0].salt, len({each.salt for each in salts})) == (client.salt, 3)
    old, client.session_id, client._content = client.session_id, 8, 0
    await client.send(functions.DestroySessionRequest(old))
    await client.receive(types.DestroySessionOk)
    await client.send(functions.DestroySessionRequest(old))
    await client.receive(types.DestroySessionNone)
    await client.send(functions.DestroyAuthKeyRequest())
    await client.receive(types.DestroyAuthKeyOk)
    await client.send(functions.PingRequest(1))
    assert await client.transport_error() == 404


async def test_ping_delay_disconnect_closes(client: RawClient) -> None:
    await client.send(functions.PingDelayDisconnectRequest(5, 0))
    await client.receive(types.Pong)
    await client.closed()


async def test_strangers_and_unreadable_requests_are_refused(client: RawClient) -> None:
    assert await client.call(functions.help.GetNearestDcRequest()) == "400 CONNECTION_NOT_INITED"
    await client.introduce()
    assert await client.call(b"\x01\x02\x03\x04") == f"400 INPUT_METHOD_INVALID_{0x04030201}"
    assert await client.call(types.InputUserSelf()) == "400 METHOD_INVALID"
