"""The control API: what the Python API of the world does, over HTTP and JSON, for demos and other processes.

It is no part of Telegram. It has no authentication: the simulator is for machines of one's own.
"""

from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from teltubby_simulator.control_accounts import AccountControl, user_json
from teltubby_simulator.control_faults import (
    DOORS,
    FaultControl,
    change_conditions,
    conditions_json,
    read_rule,
    rules_json,
)
from teltubby_simulator.control_values import Fields, message_json, read_media, read_origin
from teltubby_simulator.control_wire import awaited, dumps, failure, posted
from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID
from teltubby_simulator.drafts import Draft
from teltubby_simulator.model import Chat, Message, User
from teltubby_simulator.mtproto.server import MtprotoServer
from teltubby_simulator.world import World

_SECONDS = frozenset({"webhook_pause", "webhook_timeout", "callback_lifetime"})  # settings of the world
_SETTINGS = _SECONDS | {
    "file_reference_lifetime",
    "flood_limits",
    "download_limit",
    "local_files",
    "allow_plain_webhooks",
}


class Control:
    """The control API of one world, and of the MTProto door where there is one."""

    def __init__(self, world: World, mtproto: MtprotoServer | None = None) -> None:
        self._world = world
        self._mtproto = mtproto

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        faults = FaultControl(self._world.faults)
        return [
            web.post("/control/bots", posted(self._add_bot)),
            web.post("/control/messages", posted(self._send)),
            web.post("/control/albums", posted(self._send_album)),
            web.post("/control/edits", posted(self._edit)),
            web.post("/control/deletions", posted(self._delete)),
            web.post("/control/blocks", posted(self._block)),
            web.post("/control/presses", posted(self._press)),
            web.post("/control/updates/hold", posted(self._hold)),
            web.post("/control/updates/release", posted(self._release)),
            web.post("/control/file-references/expire", posted(self._expire_references)),
            web.post("/control/settings", posted(self._change_settings)),
            web.get("/control/settings", self._read_settings),
            web.post("/control/faults", posted(self._add_rule)),
            web.get("/control/faults", self._read_rules),
            web.delete("/control/faults", faults.remove),
            web.delete("/control/faults/{number}", faults.remove),
            web.post("/control/conditions", posted(self._change_conditions)),
            web.get("/control/conditions", self._read_conditions),
            web.get("/control/bots", self._read_bots),
            *AccountControl(self._world).routes(),
            web.get("/control/bots/{bot}/answers", self._read_answers),
            web.get("/control/bots/{bot}/chats/{chat}/messages", self._read_chat),
            web.get("/control/journal", self._read_journal),
            web.get("/control/mtproto", self._read_mtproto),
            web.get("/control/healthz", self._read_health),
        ]

    # Who and what exists

    def _add_bot(self, given: Fields) -> object:
        bot = self._world.add_bot(
            given.text("name"),
            given.text("username"),
            given.optional_text("token"),
            given.optional_integer("api_id") or DEFAULT_API_ID,
            given.optional_text("api_hash") or DEFAULT_API_HASH,
            sees_all_group_messages=given.flag("sees_all_group_messages"),
        )
        return {"id": bot.id, "token": bot.token, "username": bot.username}

    # What people do

    def _send(self, given: Fields) -> object:
        bot = self._bot(given)
        chat = self._chat(given)
        draft = self._draft(bot, chat, given)
        if isinstance(chat, Chat) and chat.kind != "channel":
            sender = self._world.users[given.integer("sender")]
            return message_json(self._world.post_in_group(chat, sender, **draft))
        return message_json(self._world.send(chat, bot, **draft))

    def _send_album(self, given: Fields) -> object:
        bot = self._bot(given)
        items = [
            (read_media(self._world, bot, item.object("media")), item.optional_text("caption"))
            for item in given.objects("items")
        ]
        origin = given.object("forward_origin") if "forward_origin" in given else None
        messages = self._world.send_album(
            self._chat(given),
            bot,
            items,
            forward_origin=read_origin(self._world, origin) if origin else None,
            date=given.optional_integer("date"),
        )
        return [message_json(each) for each in messages]

    def _edit(self, given: Fields) -> object:
        message, bot = self._message(given), self._bot(given)
        media = read_media(self._world, bot, given.object("media")) if "media" in given else None
        self._world.edit(message, text=given.optional_text("text"), caption=given.optional_text("caption"), media=media)
        return message_json(message)

    def _press(self, given: Fields) -> object:
        query = self._world.press(self._world.users[given.integer("user")], self._message(given), given.text("data"))
        return {"id": str(query.id)}

    def _delete(self, given: Fields) -> object:
        self._world.delete(self._message(given))
        return True

    def _block(self, given: Fields) -> object:
        user, bot = self._world.users[given.integer("user")], self._bot(given)
        change = self._world.block if given.flag("blocked", default=True) else self._world.unblock
        change(user, bot)
        return True

    # How the simulator behaves

    def _hold(self, given: Fields) -> object:
        self._world.hold_updates(self._bot(given))
        return True

    def _release(self, given: Fields) -> object:
        order = given.integers("order") if "order" in given else None
        return {"held": self._world.release_updates(self._bot(given), order)}

    def _add_rule(self, given: Fields) -> object:
        return {"number": self._world.faults.add(read_rule(given))}

    async def _read_rules(self, _request: web.Request) -> web.Response:
        return web.json_response(rules_json(self._world.faults))

    def _change_conditions(self, given: Fields) -> object:
        change_conditions(self._world.faults, given)
        return conditions_json(self._world.faults)

    async def _read_conditions(self, _request: web.Request) -> web.Response:
        return web.json_response(conditions_json(self._world.faults))

    def _expire_references(self, _given: Fields) -> object:
        self._world.expire_file_references()
        return True

    def _change_settings(self, given: Fields) -> object:
        world = self._world
        given.allow(_SETTINGS)
        if "file_reference_lifetime" in given:
            world.files.reference_lifetime = given.number("file_reference_lifetime")
        if "flood_limits" in given:
            world.flood_limits = given.flag("flood_limits")
        if "download_limit" in given:
            world.download_limit = given.integer("download_limit") or None
        if "local_files" in given:
            world.local_files = Path(given.text("local_files")) if given.text("local_files") else None
        if "allow_plain_webhooks" in given:
            world.allow_plain_webhooks = given.flag("allow_plain_webhooks")
        for name in _SECONDS & given.names():
            setattr(world, name, given.number(name))
        return self._settings()

    async def _read_settings(self, _request: web.Request) -> web.Response:
        return web.json_response(self._settings())

    def _settings(self) -> dict[str, object]:
        world = self._world
        return {
            "file_reference_lifetime": world.files.reference_lifetime,
            "flood_limits": world.flood_limits,
            "download_limit": world.download_limit,
            "local_files": str(world.local_files) if world.local_files else "",
            "allow_plain_webhooks": world.allow_plain_webhooks,
            **{name: getattr(world, name) for name in sorted(_SECONDS)},
        }

    # What is there to see

    async def _read_chat(self, request: web.Request) -> web.Response:
        """Return a chat; with at_least, wait up to timeout seconds until it holds so many messages."""
        try:
            bot_id, chat_id = int(request.match_info["bot"]), int(request.match_info["chat"])
        except ValueError:
            return failure(400, "bot and chat are numbers")
        if bot_id not in self._world.bots:
            return failure(404, "there is no such bot")
        messages = await awaited(request, self._world.changed, lambda: self._world.messages_in(chat_id, bot_id))
        return web.json_response([message_json(each) for each in messages])

    async def _read_journal(self, request: web.Request) -> web.Response:
        """Return calls by method, door and bot; at_least and timeout as for a chat."""
        query = request.query
        bot_id = int(query["bot"]) if query.get("bot", "").isdecimal() else None
        door = DOORS.get(query.get("door", ""))
        entries = await awaited(
            request,
            self._world.changed,
            lambda: self._world.journal.entries(query.get("method"), door=door, bot_id=bot_id),
        )
        return web.json_response([asdict(each) for each in entries], dumps=dumps)

    async def _read_mtproto(self, _request: web.Request) -> web.Response:
        """Return where the first data centre is, and the key that all of them prove themselves with."""
        door = self._mtproto
        if door is None:
            return failure(404, "this simulator was started without the MTProto door")
        return web.json_response(
            {"host": door.advertised_host, "port": door.port, "dc_id": door.dc_id, "public_key": door.public_key_pem}
        )

    async def _read_bots(self, _request: web.Request) -> web.Response:
        return web.json_response([user_json(account.user) for account in self._world.bots.values()])

    async def _read_health(self, _request: web.Request) -> web.Response:
        return web.json_response({"healthy": True})

    async def _read_answers(self, request: web.Request) -> web.Response:
        """Return what users were shown after presses, by query id; at_least and timeout as for a chat."""
        bot_id = request.match_info["bot"]
        account = self._world.bots.get(int(bot_id)) if bot_id.isdecimal() else None
        if account is None:
            return failure(404, "there is no such bot")
        await awaited(request, self._world.changed, lambda: list(account.answers))
        return web.json_response({str(number): answer for number, answer in account.answers.items()})

    def _bot(self, given: Fields) -> User:
        return self._world.account(given.integer("bot")).user

    def _chat(self, given: Fields) -> User | Chat:
        chat_id = given.integer("chat")
        return self._world.users.get(chat_id) or self._world.chats[chat_id]

    def _message(self, given: Fields) -> Message:
        bot_id, chat_id = given.integer("bot"), given.integer("chat")
        message = self._world.message(bot_id, chat_id, given.integer("message_id"))
        if message is None:
            raise KeyError("message_id")
        return message

    def _draft(self, bot: User, chat: User | Chat, given: Fields) -> Draft:
        reply_id = given.optional_integer("reply_to_message_id")
        return {
            "text": given.optional_text("text"),
            "media": read_media(self._world, bot, given.object("media")) if "media" in given else None,
            "special": given.object("special").raw() if "special" in given else None,
            "caption": given.optional_text("caption"),
            "media_group_id": given.optional_text("media_group_id"),
            "forward_origin": (
                read_origin(self._world, given.object("forward_origin")) if "forward_origin" in given else None
            ),
            "reply_to": self._world.message(bot.id, chat.id, reply_id) if reply_id is not None else None,
            "date": given.optional_integer("date"),
        }
