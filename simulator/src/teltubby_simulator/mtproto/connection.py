"""One TCP connection: cuts packets out of the stream, leads the key exchange, decrypts, and writes with backpressure.

What the decrypted messages mean is the dialogue's business. Writing is also where bandwidth is limited.
"""

import asyncio
import logging
import struct
from collections.abc import Sequence

from teltubby_simulator.faults import PASS
from teltubby_simulator.mtproto.crypto import DecryptionError, decrypt_packet
from teltubby_simulator.mtproto.dialogue import Dialogue
from teltubby_simulator.mtproto.handshake import Handshake, HandshakeError
from teltubby_simulator.mtproto.hub import Hub, TooManyConnectionsError
from teltubby_simulator.mtproto.keys import AuthKey
from teltubby_simulator.mtproto.lanes import Lane, Limits
from teltubby_simulator.mtproto.session import Session
from teltubby_simulator.mtproto.transports import Stream, Transport, TransportError, accept_transport
from teltubby_simulator.mtproto.wire import UnreadableError, read_object

log = logging.getLogger(__name__)

_GREETING_TIMEOUT = 60  # seconds in which a client must have said which transport it speaks
_FLUSH_TIMEOUT = 2  # seconds for a client to take what was sent before the end
_SHORTEST_PACKET = 24  # bytes: a plain message of one word, or key id and msg_key without content


class RefusedError(Exception):
    """A packet that gets a transport error, after which the connection ends."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class RefusedConnectionError(Exception):
    """The connection is closed before anything was said on it, as ordered."""


class Connection:
    """Serves one client until either side closes.

    ``media``: came to a media-only address, where one key's connections may be parallel. ``number``: counts all
    connections of a server, for the journal.
    """

    def __init__(self, hub: Hub, stream: Stream, number: int, *, media: bool = False) -> None:
        self.media = media
        self.number = number
        self.hub = hub
        self._stream = stream
        self._transport: Transport
        self._handshake = Handshake(hub.server_key, hub.site.dc_id, lambda: hub.site.now, hub.register)
        self._plain = Session(0)
        self._dialogue: Dialogue | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._lane = Lane()
        self._file_bytes = 0

    @property
    def over(self) -> bool:
        """True as soon as the client has closed, even while unread bytes wait."""
        return self._stream.reader.ended or self._stream.writer.is_closing()

    async def serve(self) -> None:
        """Read packets until the connection ends."""
        outcome = "ok"
        try:
            await self._enter()
            async with asyncio.timeout(_GREETING_TIMEOUT):
                self._transport = await accept_transport(self._stream)
            while True:
                await self._receive(await self._transport.read())
        except RefusedConnectionError:
            outcome = "refused"
            self._stream.writer.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            log.debug("connection ended: %r", error)
        except TransportError as error:
            outcome = str(error)
            log.info("connection closed: %s", error)
        except TooManyConnectionsError as error:
            outcome = "too many"
            log.info("connection closed: %s", error)
        except RefusedError as refusal:
            outcome = str(refusal.code)
            log.info("transport error %d: %s", refusal.code, refusal)
            self.refuse(refusal.code)
        except Exception:
            outcome = "failed"
            log.exception("connection given up")
        finally:
            await self._finish(outcome)

    def close(self) -> None:
        """Close after what has been queued; ``serve`` ends by itself."""
        self._stream.writer.close()

    def close_after(self, seconds: int) -> None:
        """Close unless asked again within ``seconds``: ping_delay_disconnect."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.close)

    def refuse(self, code: int) -> None:
        """Send a transport error and close."""
        if not self._stream.writer.is_closing():
            self._transport.write([struct.pack("<i", -code)])
        self.close()

    async def write(self, parts: Sequence[bytes], key: AuthKey | None = None) -> None:
        """Send a packet and wait until the client has taken most of it; ``key``: whose bandwidth it takes."""
        if self._stream.writer.is_closing():
            raise ConnectionResetError("the connection is closing")
        limits = self._limits(key)
        if limits:
            await self._trickle(b"".join(self._transport.frame(parts)), limits)
        else:
            self._transport.write(parts)
            await self._stream.writer.drain()

    async def write_cut(self, parts: Sequence[bytes], size: int) -> None:
        """Send the first ``size`` bytes of a packet and close."""
        self._transport.write_cut(parts, size)
        self.close()

    def count_file_bytes(self, size: int) -> None:
        """Take down that so many bytes of files were sent; a media connection ends when it has carried enough."""
        self._file_bytes += size
        enough = self.hub.conditions.media_connection_bytes
        if self.media and enough is not None and self._file_bytes >= enough:
            self.close()

    def _limits(self, key: AuthKey | None) -> Limits:
        rates = self.hub.conditions
        lanes: list[tuple[Lane, float | None]] = [(self._lane, rates.connection_bandwidth)]
        if key is not None:
            lanes.append((key.lane, rates.session_bandwidth))
            if key.user is not None:
                lanes.append((self.hub.lanes[key.user.id], rates.account_bandwidth))
        return Limits(lanes)

    async def _trickle(self, packet: bytes, limits: Limits) -> None:
        """Send a packet in pieces, each when its time has come."""
        loop, piece = asyncio.get_running_loop(), limits.piece
        try:
            for position in range(0, len(packet), piece):
                part = packet[position : position + piece]
                await asyncio.sleep(limits.wait(len(part), loop.time()))
                self._stream.write([part])
                await self._stream.writer.drain()
        except asyncio.CancelledError:
            self.close()  # nothing may follow half a packet
            raise

    # Beginning and end

    async def _enter(self) -> None:
        step = self.hub.below_calls("connect", None, media=self.media)
        if step.delay:
            await asyncio.sleep(step.delay)
        if (step.code, step.error, step.cut_after) != (PASS.code, PASS.error, PASS.cut_after):
            raise RefusedConnectionError
        self._record("connect", "ok")

    async def _finish(self, outcome: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._record("connect" if outcome == "refused" else "disconnect", outcome)
        if self._dialogue is not None:
            await self._dialogue.end()
        self._stream.writer.close()
        try:
            async with asyncio.timeout(_FLUSH_TIMEOUT):
                await self._stream.writer.wait_closed()
        except TimeoutError:
            self._stream.writer.transport.abort()
        except ConnectionError as error:
            log.debug("connection lost while closing: %r", error)

    def _record(self, what: str, outcome: str) -> None:
        """Tell the journal of a connection's beginning or end."""
        user = self._dialogue.key.user if self._dialogue is not None else None
        via = {"dc_id": self.hub.site.dc_id, "media": self.media, "connection": self.number}
        fields = {"file_bytes": self._file_bytes} if what == "disconnect" else {}
        self.hub.site.world.journal.record("mtproto", what, user.id if user else None, fields, outcome, via)

    # What comes in

    async def _receive(self, packet: bytes) -> None:
        if len(packet) < _SHORTEST_PACKET:
            raise RefusedError(404, f"packet of {len(packet)} bytes")
        named = int.from_bytes(packet[:8], "little")
        step = self.hub.below_calls("packet", self.hub.keys.get(named), media=self.media)
        if step.delay:
            await asyncio.sleep(step.delay)
        if step.code is not None:
            raise RefusedError(step.code, "as ordered")
        if step.cut_after is not None:
            raise ConnectionResetError("broken as ordered")
        if named == 0:
            await self._exchange(packet)
            return
        if self._transport.padded:
            packet = packet[: len(packet) - (len(packet) - 8) % 16]
        dialogue = await self._dialogue_with(named)
        try:
            await dialogue.receive(decrypt_packet(dialogue.key.secret, packet))
        except DecryptionError as error:
            raise RefusedError(404, str(error)) from error

    async def _dialogue_with(self, key_id: int) -> Dialogue:
        """Return the dialogue under a key; another key on the same connection starts another one."""
        key = self.hub.keys.get(key_id)
        if key is None:
            raise RefusedError(404, "unknown auth key")
        known = self._dialogue is not None and self._dialogue.key is key
        if key.duplicated and (self._dialogue is None or not known or self._dialogue.told_duplicated):
            raise RefusedError(404, "auth key that two connections used at once")
        if self._dialogue is None or not known:
            if self._dialogue is not None:
                await self._dialogue.end()
            self._dialogue = Dialogue(self, self.hub, key)
        return self._dialogue

    async def _exchange(self, packet: bytes) -> None:
        """Answer one step of the key exchange."""
        length = int.from_bytes(packet[16:20], "little")
        body = packet[20 : 20 + length]
        surplus = len(packet) - 20 - length
        if surplus < 0 or (surplus and not self._transport.padded):
            raise RefusedError(404, "plain message and packet differ in length")
        try:
            answer = bytes(self._handshake.answer(read_object(body)))
        except UnreadableError as error:
            raise RefusedError(404, "plain message is no TL object") from error
        except HandshakeError as error:
            raise RefusedError(error.code, str(error)) from error
        head = struct.pack("<qqi", 0, self._plain.next_id(self.hub.site.now, is_answer=True), len(answer))
        await self.write([head, answer])
