"""The simulated methods, a module for each of Telegram's rooms; importing this package registers them all."""

from teltubby_simulator.mtproto.methods import auth, codes, dialogs, messages, passwords, startup, tokens, upload, users

__all__ = ["auth", "codes", "dialogs", "messages", "passwords", "startup", "tokens", "upload", "users"]
