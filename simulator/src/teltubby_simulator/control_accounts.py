"""The control API's part about accounts: people, what they may do in chats, and their logins over MTProto."""

from collections.abc import Iterable

from aiohttp import web

from teltubby_simulator.control_values import FieldError, Fields
from teltubby_simulator.control_wire import awaited, failure, posted
from teltubby_simulator.files import HOME_DC
from teltubby_simulator.model import ALL_RIGHTS, AdminRight, ChatKind, User
from teltubby_simulator.world import World

_CHAT_KINDS: dict[str, ChatKind] = {"group": "group", "supergroup": "supergroup", "channel": "channel"}
_DATA_CENTRES = (2, 4)


class AccountControl:
    """Makes people and chats, and does what people do with their accounts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        return [
            web.post("/control/users", posted(self._add_user)),
            web.post("/control/users/ban", posted(self._ban)),
            web.get("/control/users/{user}", self._read_user),
            web.get("/control/users/{user}/codes", self._read_codes),
            web.post("/control/chats", posted(self._add_chat)),
            web.post("/control/chats/administrators", posted(self._promote)),
            web.post("/control/chats/members/remove", posted(self._remove)),
            web.post("/control/logins/accept", posted(self._accept)),
            web.post("/control/authorizations/end", posted(self._end)),
            web.get("/control/authorizations", self._read_authorizations),
        ]

    # People and chats

    def _add_user(self, given: Fields) -> object:
        user = self._world.add_user(
            given.text("first_name"),
            given.optional_text("last_name"),
            given.optional_text("username"),
            given.optional_integer("id"),
            given.flag("premium"),
            phone=given.optional_text("phone"),
            password=given.optional_text("password"),
            password_hint=given.optional_text("password_hint"),
            banned=given.flag("banned"),
            dc_id=_data_centre(given),
        )
        return {"id": user.id}

    def _add_chat(self, given: Fields) -> object:
        kind = given.text("kind")
        if kind not in _CHAT_KINDS:
            raise ValueError(f"kind must be one of {', '.join(_CHAT_KINDS)}")
        members, administrators = self._users(given.integers("members")), self._users(given.integers("administrators"))
        if kind == "group" and administrators:
            raise ValueError("in a basic group nobody has rights of their own")
        chat = self._world.add_chat(_CHAT_KINDS[kind], given.text("title"), given.optional_text("username"), members)
        for each in administrators:
            self._world.promote(chat, each)
        return {"id": chat.id}

    def _promote(self, given: Fields) -> object:
        """Make somebody an administrator with the named rights; without ``rights``, with all of them."""
        chat, user = self._world.chats[given.integer("chat")], self._user(given, "user")
        self._world.promote(chat, user, _rights(given))
        return True

    def _remove(self, given: Fields) -> object:
        self._world.leave(self._world.chats[given.integer("chat")], self._user(given, "user"))
        return True

    async def _read_user(self, request: web.Request) -> web.Response:
        user = self._named(request.match_info["user"])
        return failure(404, "there is no such user") if user is None else web.json_response(user_json(user))

    # Accounts and their logins

    def _ban(self, given: Fields) -> object:
        """Ban a user; with ``deleted`` they have deleted the account themselves."""
        self._world.deactivate(self._user(given, "user"), deleted=given.flag("deleted"))
        return True

    def _accept(self, given: Fields) -> object:
        self._world.scan_login(self._user(given, "user"), given.text("token"))
        return True

    def _end(self, given: Fields) -> object:
        return {"ended": self._world.end_logins(self._user(given, "account"))}

    async def _read_codes(self, request: web.Request) -> web.Response:
        """Return the login codes that a user got, oldest first; at_least and timeout as for a chat."""
        user = self._named(request.match_info["user"])
        if user is None:
            return failure(404, "there is no such user")
        return web.json_response(await awaited(request, self._world.changed, lambda: self._world.codes_sent_to(user)))

    async def _read_authorizations(self, request: web.Request) -> web.Response:
        account = self._named(request.query.get("account", ""))
        if account is None:
            return failure(404, "there is no such account")
        return web.json_response({"live": len(self._world.logins.of(account))})

    def _users(self, ids: Iterable[int]) -> list[User]:
        return [self._world.users[each] for each in ids]

    def _user(self, given: Fields, name: str) -> User:
        return self._world.users[given.integer(name)]

    def _named(self, number: str) -> User | None:
        return self._world.users.get(int(number)) if number.isdecimal() else None


def user_json(user: User) -> dict[str, object]:
    """Return what is told of a user or bot; a phone number is not."""
    return {"id": user.id, "first_name": user.first_name, "username": user.username, "is_bot": user.is_bot}


def _data_centre(given: Fields) -> int:
    dc_id = given.integer("dc_id") if "dc_id" in given else HOME_DC
    if dc_id not in _DATA_CENTRES:
        raise FieldError("dc_id must be 2 or 4")
    return dc_id


def _rights(given: Fields) -> frozenset[AdminRight]:
    if "rights" not in given:
        return ALL_RIGHTS
    names = given.texts("rights")
    unknown = sorted(set(names) - ALL_RIGHTS)
    if unknown:
        raise FieldError(f"there is no right {unknown[0]}; there are {', '.join(sorted(ALL_RIGHTS))}")
    return frozenset(right for right in ALL_RIGHTS if right in names)
