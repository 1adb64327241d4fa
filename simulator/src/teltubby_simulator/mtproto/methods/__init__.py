"""The simulated methods, a module for each of Telegram's rooms; importing this package registers them all."""

from teltubby_simulator.mtproto.methods import auth, messages, startup, upload, users

__all__ = ["auth", "messages", "startup", "upload", "users"]
