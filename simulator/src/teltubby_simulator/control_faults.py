"""The control API's part about troubles: rules and conditions of both doors as JSON."""

from dataclasses import asdict, fields

from aiohttp import web

from teltubby_simulator.control_values import Fields
from teltubby_simulator.faults import Conditions, Faults, Rule, Step
from teltubby_simulator.journal import Door

DOORS: dict[str, Door] = {"bot_api": "bot_api", "mtproto": "mtproto"}
_STEP = frozenset(each.name for each in fields(Step))
_RULE = frozenset(each.name for each in fields(Rule))
_CONDITIONS = {each.name: each.default for each in fields(Conditions)}


def read_door(given: Fields) -> Door:
    """Return the door that a request names. Raises ValueError for another word."""
    name = given.text("door")
    if name not in DOORS:
        raise ValueError(f"door must be one of {', '.join(DOORS)}")
    return DOORS[name]


def read_rule(given: Fields) -> Rule:
    """Return the rule that a request orders.

    Raises:
        ValueError: a field is unknown or of the wrong type, or there is no step.
    """
    given.allow(_RULE)
    steps = tuple(_read_step(each) for each in given.objects("steps"))
    if not steps:
        raise ValueError("a rule needs at least one step")
    return Rule(
        steps=steps,
        door=read_door(given) if "door" in given else None,
        method=given.optional_text("method") or "*",
        account=given.optional_integer("account"),
        dc_id=given.optional_integer("dc_id"),
        media=given.flag("media") if "media" in given else None,
        file_id=given.optional_integer("file_id"),
        at_byte=given.optional_integer("at_byte"),
        repeat=given.flag("repeat"),
    )


def _read_step(given: Fields) -> Step:
    given.allow(_STEP)
    return Step(
        delay=given.number("delay") if "delay" in given else 0.0,
        code=given.optional_integer("code"),
        error=given.optional_text("error"),
        retry_after=given.optional_integer("retry_after"),
        cut_after=given.optional_integer("cut_after"),
    )


def change_conditions(faults: Faults, given: Fields) -> None:
    """Change what a request names at one door; null takes a limit away.

    Raises:
        ValueError: a field is unknown, no number, or one that must have a value has none.
    """
    door = read_door(given)
    given.allow(frozenset(_CONDITIONS) | {"door"})
    conditions = faults.bot_api if door == "bot_api" else faults.mtproto
    for name in given.names() - {"door"}:
        whole = isinstance(_CONDITIONS[name], int) or name == "media_connection_bytes"
        if name not in given and isinstance(_CONDITIONS[name], float):
            raise ValueError(f"{name} must be a number")
        value = None if name not in given else given.integer(name) if whole else given.number(name)
        setattr(conditions, name, value)


def conditions_json(faults: Faults) -> dict[str, object]:
    """Return how things are at both doors."""
    return {"bot_api": asdict(faults.bot_api), "mtproto": asdict(faults.mtproto)}


def rules_json(faults: Faults) -> list[dict[str, object]]:
    """Return what is still ordered, with the number of each rule and of its steps that are left."""
    return [{"number": number, "left": left} | asdict(rule) for number, (rule, left) in faults.rules().items()]


class FaultControl:
    """Removal of rules, which has no body to read."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    async def remove(self, request: web.Request) -> web.Response:
        """Take back the rule of the path's number, or, without one, every rule and condition."""
        number = request.match_info.get("number")
        if number is None:
            self._faults.clear()
        elif not number.isdecimal() or not self._faults.remove(int(number)):
            return web.json_response({"error": f"there is no rule {number}"}, status=404)
        return web.json_response(True)
