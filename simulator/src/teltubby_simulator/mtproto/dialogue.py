"""The encrypted messages between one connection and one key: judged by the session's rules, answered in parallel.

Memory is bounded whatever a client does: requests under way are counted, and a part of a file is read only when
its turn to be sent has come, after everything before it has left.
"""

import asyncio
import logging
import struct
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from telethon.tl import TLRequest, types

import teltubby_simulator.mtproto.methods  # noqa: F401 - importing them registers them
from teltubby_simulator.faults import PASS, Asked, Step
from teltubby_simulator.mtproto import service
from teltubby_simulator.mtproto.crypto import check_length, encrypt_packet
from teltubby_simulator.mtproto.hub import Hub
from teltubby_simulator.mtproto.keys import AuthKey, Link, Listener
from teltubby_simulator.mtproto.rpc import (
    RPC_RESULT,
    Call,
    FilePart,
    RpcError,
    error_result,
    execute,
    innermost,
    public_params,
    serialise,
    spares_updates,
    unwrap,
)
from teltubby_simulator.mtproto.session import BadMessageError, Fault, Incoming, Session
from teltubby_simulator.mtproto.wire import UnreadableError, read_object, unzip

log = logging.getLogger(__name__)

MAX_UNDER_WAY = 32  # requests of one connection; further ones wait in the socket


class Outlet(Link, Protocol):
    """The connection, as far as a dialogue needs it."""

    media: bool
    number: int

    async def write(self, parts: Sequence[bytes], key: AuthKey | None = None) -> None: ...

    async def write_cut(self, parts: Sequence[bytes], size: int) -> None: ...

    def count_file_bytes(self, size: int) -> None: ...

    def refuse(self, code: int) -> None: ...

    def close(self) -> None: ...

    def close_after(self, seconds: int) -> None: ...


class Dialogue:
    """Reads what a client says under ``key`` on one connection, and answers."""

    def __init__(self, outlet: Outlet, hub: Hub, key: AuthKey) -> None:
        self.outlet = outlet
        self.key = key
        self.hub = hub
        self.told_duplicated = False
        self._call = Call(hub.site, key, outlet.number, outlet.media)
        self._sending = asyncio.Lock()
        self._slots = asyncio.Semaphore(MAX_UNDER_WAY)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._news: set[asyncio.Task[None]] = set()  # updates on their way
        self._leaving: set[int] = set()  # of those, whose answers are being sent

    async def end(self) -> None:
        """The connection is closing: stop whatever is under way."""
        self.key.forget(self.outlet)
        self.hub.leave(self.outlet)
        tasks = [*self._under_way.values(), *self._news]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def drop(self, msg_id: int) -> bool:
        """Stop a request under way; False if there is none, or its answer is already leaving."""
        task = self._under_way.get(msg_id)
        return task is not None and msg_id not in self._leaving and task.cancel()

    # What comes in

    async def receive(self, plain: bytes) -> None:
        """Judge the message in a decrypted packet and see to what it contains.

        Raises:
            DecryptionError: its length cannot be true.
            TooManyConnectionsError: the account has too many to media-only addresses.
        """
        salt, session_id, msg_id, seqno, length = struct.unpack_from("<qqqii", plain)
        check_length(plain, length)
        message = Incoming(msg_id, seqno, plain[32 : 32 + length])
        session = self.key.session(session_id)
        now = self.hub.site.now
        try:
            session.check_envelope(message, now)
            if not self.key.accepts_salt(salt, now):
                raise BadMessageError(Fault.BAD_SALT)
            inner = session.unpack(message)
        except BadMessageError as error:
            await self._reject(session, message, error.fault)
            return
        await self._announce(session, inner[0].msg_id)
        for each in inner:
            await self._take(session, each)
        if inner[0] is not message:
            await self._accept(session, message, content_related=False)

    async def _announce(self, session: Session, first_msg_id: int) -> None:
        if session.announced:
            return
        session.announced = True
        created = types.NewSessionCreated(first_msg_id, session.id, self.key.salt(self.hub.site.now))
        await self.send(session, created, content_related=True, is_answer=False)

    async def _take(self, session: Session, message: Incoming) -> None:
        """See to one message that is not a container."""
        request: Any
        try:
            request = read_object(unzip(message.body))
        except UnreadableError as error:
            request = error
        fresh = await self._accept(session, message, content_related=service.content_related(request))
        if fresh is None:
            return
        if isinstance(request, TLRequest) and self.key.user is not None:
            if self.outlet.media:
                self.hub.admit(self.outlet, self.key.user)
            else:
                self.key.note_request(self.outlet)
        if await service.handle(service.ServiceMessage(self, session, message.msg_id, request)):
            return
        if not fresh and await self._repeat(session, message.msg_id):
            return
        await self._start(session, message.msg_id, request)

    async def _accept(self, session: Session, message: Incoming, *, content_related: bool | None) -> bool | None:
        """Return whether a message is new, or None if it has been rejected."""
        try:
            return session.accept(message, content_related=content_related)
        except BadMessageError as error:
            await self._reject(session, message, error.fault)
            return None

    async def _reject(self, session: Session, message: Incoming, fault: Fault) -> None:
        log.info("message refused: %s", fault.name)
        answer: Any
        if fault is Fault.BAD_SALT:
            salt = self.key.salt(self.hub.site.now)
            answer = types.BadServerSalt(message.msg_id, message.seqno, int(fault), salt)
        else:
            answer = types.BadMsgNotification(message.msg_id, message.seqno, int(fault))
        await self.send(session, answer)

    async def _repeat(self, session: Session, msg_id: int) -> bool:
        """Answer a message that came again; False if it has to be carried out once more, as large answers are."""
        if msg_id in self._under_way:
            return True
        known = session.known(msg_id)
        if known is None or known.answer is None:
            return False
        await self.send(session, known.answer, content_related=True)
        return True

    # Calls

    async def _start(self, session: Session, msg_id: int, request: Any) -> None:
        await self._slots.acquire()
        task = asyncio.create_task(self._carry_out(session, msg_id, request), name=f"mtproto-call-{msg_id}")
        self._under_way[msg_id] = task
        task.add_done_callback(lambda _: self._ended(msg_id))

    def _ended(self, msg_id: int) -> None:
        self._under_way.pop(msg_id, None)
        self._slots.release()

    async def _carry_out(self, session: Session, msg_id: int, request: Any) -> None:
        asked = self._call.asked(innermost(request))
        step = self.hub.site.world.faults.take(asked)
        delay = self.hub.conditions.latency + step.delay
        if delay > 0:
            await asyncio.sleep(delay)
        result = self._result(request, step, asked)
        self._listen(session, request)
        try:
            async with self._sending:
                self._leaving.add(msg_id)
                await self._send_result(session, msg_id, result, step)
        except ConnectionError as error:
            log.debug("answer not delivered: %r", error)
            self.outlet.close()
        finally:
            self._leaving.discard(msg_id)

    def _listen(self, session: Session, request: Any) -> None:
        """A session gets updates once it has called something without invokeWithoutUpdates, where it called last."""
        if not self.outlet.media and not self.outlet.over and not spares_updates(request):
            self.key.listeners[session.id] = Listener(self.outlet, partial(self._announce_update, session))

    def _announce_update(self, session: Session, update: Any) -> None:
        news = types.UpdateShort(update, int(self.hub.site.now))
        task = asyncio.create_task(self._send_news(session, news), name=f"mtproto-update-{self.outlet.number}")
        self._news.add(task)
        task.add_done_callback(self._news.discard)

    async def _send_news(self, session: Session, news: types.UpdateShort) -> None:
        try:
            await self.send(session, news, content_related=True, is_answer=False)
        except ConnectionError as error:
            log.debug("update not delivered: %r", error)
            self.outlet.close()

    def _result(self, request: Any, step: Step, asked: Asked) -> Any:
        """Return a call's result, or the RpcError that stands in its place."""
        result: Any
        inner = request
        try:
            if self.key.duplicated:
                self.told_duplicated = True
                raise RpcError(406, "AUTH_KEY_DUPLICATED")
            if isinstance(request, UnreadableError):
                raise RpcError(400, request.name)
            inner = unwrap(self._call, request)
            if step.error is not None:
                raise RpcError(step.code or 400, step.error)
            result = execute(self._call, inner)
        except RpcError as error:
            result = error
        self._record(inner, result, step, asked)
        return result

    def _record(self, request: Any, result: Any, step: Step, asked: Asked) -> None:
        outcome = result.name if isinstance(result, RpcError) else "ok"
        if step is not PASS and step.error is None:
            outcome = "cut" if step.cut_after is not None else outcome if step.code is None else str(step.code)
        via: dict[str, object] = {"dc_id": asked.dc_id, "media": asked.media, "connection": self.outlet.number}
        if asked.first_byte is not None:
            end = result.offset + result.size if isinstance(result, FilePart) else asked.end_byte
            via |= {"first_byte": asked.first_byte, "end_byte": end}
        caller = self.key.user.id if self.key.user else asked.account
        self.hub.site.world.journal.record("mtproto", asked.method, caller, public_params(request), outcome, via)

    # What goes out

    async def send(
        self, session: Session, content: Any, *, content_related: bool = False, is_answer: bool = True
    ) -> None:
        """Send one message: a TL object, or bytes that are one."""
        async with self._sending:
            msg_id = session.next_id(self.hub.site.now, is_answer=is_answer)
            await self.outlet.write(self._seal(session, msg_id, [bytes(content)], content_related), self.key)

    async def _send_result(self, session: Session, msg_id: int, result: Any, step: Step) -> None:
        """Send rpc_result. Only here, in its turn, is the part of a file read."""
        if step.error is None and step.code is not None:
            self.outlet.refuse(step.code)
            return
        content = error_result(result) if isinstance(result, RpcError) else serialise(result)
        body = [struct.pack("<Iq", RPC_RESULT, msg_id), *content]
        answer_id = session.next_id(self.hub.site.now, is_answer=True)
        session.remember_answer(msg_id, answer_id, body)
        packet = self._seal(session, answer_id, body, True)
        if step.cut_after is not None:
            await self.outlet.write_cut(packet, step.cut_after)
            return
        await self.outlet.write(packet, self.key)
        if isinstance(result, FilePart):
            self.outlet.count_file_bytes(result.size)

    def _seal(self, session: Session, msg_id: int, body: Sequence[bytes], content_related: bool) -> list[bytes]:
        seqno = session.next_seqno(content_related=content_related)
        salt = self.key.salt(self.hub.site.now)
        head = struct.pack("<qqqii", salt, session.id, msg_id, seqno, sum(map(len, body)))
        return encrypt_packet(self.key.secret, [head, *body])
