"""The MTProto door of the simulated Telegram: unmodified clients log in over TCP and download files."""

from teltubby_simulator.mtproto.server import MtprotoServer, Ports

__all__ = ["MtprotoServer", "Ports"]
