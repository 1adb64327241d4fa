"""Service messages: acknowledgements, pings, states, salts, sessions. They are answered at once, outside of calls.

Source: core.telegram.org/mtproto/service_messages and .../service_messages_about_messages.
"""

import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon.tl import functions, types

from teltubby_simulator.mtproto.rpc import RPC_RESULT
from teltubby_simulator.mtproto.session import Session

if TYPE_CHECKING:
    from teltubby_simulator.mtproto.dialogue import Dialogue

_MAX_SALTS = 64
_NEVER_CONTENT = (types.MsgsAck, types.MsgsStateInfo, types.MsgsAllInfo, types.HttpWait)
_EITHER_WAY = (
    functions.PingRequest,
    functions.PingDelayDisconnectRequest,
    functions.GetFutureSaltsRequest,
    functions.RpcDropAnswerRequest,
    functions.DestroySessionRequest,
    functions.DestroyAuthKeyRequest,
    types.MsgsStateReq,
    types.MsgResendReq,
)


def content_related(request: Any) -> bool | None:
    """Tell whether a message's seqno must be odd (True) or even (False); None where clients differ."""
    if isinstance(request, _NEVER_CONTENT):
        return False
    return None if isinstance(request, _EITHER_WAY) else True


@dataclass(frozen=True)
class ServiceMessage:
    """A service message and where it came from."""

    dialogue: "Dialogue"
    session: Session
    msg_id: int
    content: Any

    async def reply(self, answer: Any, *, content_related: bool = False) -> None:
        await self.dialogue.send(self.session, answer, content_related=content_related)


async def handle(message: ServiceMessage) -> bool:
    """See to a service message; False if it is none."""
    handler = _HANDLERS.get(type(message.content))
    if handler is None:
        return False
    await handler(message)
    return True


async def _ack(message: ServiceMessage) -> None:
    message.session.acknowledge(message.content.msg_ids)


async def _nothing_to_do(_: ServiceMessage) -> None:
    """States of the server's own messages: it never asks for them, so there is nothing they could change."""


async def _ping(message: ServiceMessage) -> None:
    await message.reply(types.Pong(message.msg_id, message.content.ping_id))


async def _ping_delay_disconnect(message: ServiceMessage) -> None:
    message.dialogue.outlet.close_after(message.content.disconnect_delay)
    await _ping(message)


async def _future_salts(message: ServiceMessage) -> None:
    now = message.dialogue.hub.site.now
    salts = message.dialogue.key.future_salts(min(max(message.content.num, 1), _MAX_SALTS), now)
    await message.reply(types.FutureSalts(message.msg_id, int(now), salts))


async def _states(message: ServiceMessage) -> None:
    states = bytes(message.session.state_of(each) for each in message.content.msg_ids)
    await message.reply(types.MsgsStateInfo(message.msg_id, states))


async def _resend(message: ServiceMessage) -> None:
    """Send the answers asked for again; of those no longer kept, tell the state."""
    kept = [message.session.answer_by_id(each) for each in message.content.msg_ids]
    for answer in kept:
        if answer is not None:
            await message.reply(answer, content_related=True)
    if None in kept:
        await _states(message)


async def _drop_answer(message: ServiceMessage) -> None:
    known = message.session.known(message.content.req_msg_id)
    result: Any = types.RpcAnswerUnknown()
    if message.dialogue.drop(message.content.req_msg_id):
        result = types.RpcAnswerDroppedRunning()
    elif known is not None and known.answer is not None and known.answer_id is not None:
        result = types.RpcAnswerDropped(known.answer_id, 0, len(known.answer))
        message.session.acknowledge([known.answer_id])
    body = struct.pack("<Iq", RPC_RESULT, message.msg_id) + bytes(result)
    await message.reply(body, content_related=True)


async def _destroy_session(message: ServiceMessage) -> None:
    """Forget another session of the key; the one in use stays."""
    wanted = message.content.session_id
    known = wanted != message.session.id and message.dialogue.key.sessions.pop(wanted, None) is not None
    answer = types.DestroySessionOk(wanted) if known else types.DestroySessionNone(wanted)
    await message.reply(answer)


async def _destroy_key(message: ServiceMessage) -> None:
    message.dialogue.hub.keys.pop(message.dialogue.key.id, None)
    await message.reply(types.DestroyAuthKeyOk())


_Handler = Callable[[ServiceMessage], Awaitable[None]]
_HANDLERS: dict[type[Any], _Handler] = {
    types.MsgsAck: _ack,
    types.MsgsStateInfo: _nothing_to_do,
    types.MsgsAllInfo: _nothing_to_do,
    types.HttpWait: _nothing_to_do,  # over TCP it has no meaning
    functions.PingRequest: _ping,
    functions.PingDelayDisconnectRequest: _ping_delay_disconnect,
    functions.GetFutureSaltsRequest: _future_salts,
    functions.RpcDropAnswerRequest: _drop_answer,
    functions.DestroySessionRequest: _destroy_session,
    functions.DestroyAuthKeyRequest: _destroy_key,
    types.MsgsStateReq: _states,
    types.MsgResendReq: _resend,
}
