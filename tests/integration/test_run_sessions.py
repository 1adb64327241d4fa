"""What people hear of the worker's login: in /mtstatus always, and as an alert when it is lost or slowed down."""

import asyncio
from contextlib import suppress

from integration.harness import MIB, PATIENCE, Stage
from teltubby_simulator.model import Message

LONG = 700  # seconds


async def answer(stage: Stage, text: str) -> str:
    """Send a command; return its answer."""
    command = stage.world.send(stage.cast.curator, stage.cast.bot, text=text)
    await stage.until(lambda: stage.said_to(command), what=f"the answer to {text}")
    return stage.said_to(command)


async def status_with(stage: Stage, words: str) -> str:
    """Ask for the sessions until they are told with these words: a report of the worker may still be on its way."""
    status = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while words not in status:
                status = await answer(stage, "/mtstatus")
    assert words in status
    return status


async def alert(stage: Stage, words: str) -> Message:
    """Wait until admins hear of it."""

    def told() -> list[Message]:
        return [each for each in stage.answers() if words in (each.text or "")]

    await stage.until(told, what=words)
    return told()[-1]


async def test_a_login_that_telegram_ended_is_told_and_made_anew_and_the_file_comes(stage: Stage) -> None:
    await stage.start()
    first = stage.cast.sends(stage.document("first", 21 * MIB))
    await stage.until_ended(first)
    await status_with(stage, "🟢 bot-0: ready · bot · DC 2 · used by")

    assert stage.world.end_logins(stage.cast.bot) == 1
    second = stage.cast.sends(stage.document("second", 21 * MIB))
    await stage.until_ended(second)

    stage.assert_archived_once([first, second])
    told = await alert(stage, "Session bot-0 is lost")
    assert "AuthKeyUnregistered" in (told.text or "") or "logged in" in (told.text or ""), told.text
    await status_with(stage, "🟢 bot-0: ready")
    assert len(stage.world.journal.entries("auth.importBotAuthorization")) == 2


async def test_a_long_flood_is_told_with_its_end_and_shown_as_long_as_it_lasts(stage: Stage) -> None:
    await stage.start()
    stage.world.faults.flood(LONG)
    message = stage.cast.sends(stage.document("film", 21 * MIB))
    told = await alert(stage, f"Telegram asked to wait {LONG} s with session bot-0")
    assert "nothing is lost" in (told.text or "")
    assert "waits until" in await status_with(stage, "🟡 bot-0: flooded")
    short = stage.said_to(message).partition("/cancel ")[2].split()[0]
    assert "🛑" in await answer(stage, f"/cancel {short} yes")
