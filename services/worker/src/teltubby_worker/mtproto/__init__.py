"""The one room that knows Telethon: how to log in, find a message's file and stream it over MTProto."""
