"""The MTProto door of the simulated Telegram: unmodified clients log in over TCP and download files."""

from teltubby_simulator.mtproto.faults import Faults
from teltubby_simulator.mtproto.server import MtprotoServer

__all__ = ["Faults", "MtprotoServer"]
