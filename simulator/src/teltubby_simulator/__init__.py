"""A Telegram in one process: Bot API over HTTP and MTProto over TCP on one shared state.

It serves unmodified clients by Telegram's documented rules and knows nothing of the programs it is used to
test. ``model`` is what exists, ``world`` is what can happen to it, ``botapi`` and ``mtproto`` are the two doors.
"""
