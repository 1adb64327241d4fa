"""The database file: can it be used, is it ours to read, who serves it?"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from teltubby_cli.bootstrap_tools import DatabaseState
from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict
from teltubby_cli.doctor.places import can_be_made, is_writable, size_of

Inspect = Callable[[Path], DatabaseState]


async def look_at_database(path: Path, inspect: Inspect) -> Said:
    """Look at SQLITE_PATH from outside; nothing is made or changed."""
    path = await asyncio.to_thread(path.absolute)
    folder = path.parent
    if not await asyncio.to_thread(folder.exists):
        yield await asyncio.to_thread(can_be_made, folder, "SQLITE_PATH")
        return
    if not await asyncio.to_thread(is_writable, folder):
        yield Verdict.WRONG, f"{folder} is not writable for this user – change its owner or permissions, or SQLITE_PATH"
        return
    state = await asyncio.to_thread(inspect, path)
    if not state.exists:
        yield Verdict.FINE, f"{path} is not there yet; it is made at the start"
        return
    if not await asyncio.to_thread(os.access, path, os.R_OK | os.W_OK):
        yield Verdict.WRONG, f"{path} is not readable and writable for this user – change its owner or permissions"
        return
    yield _schema(path, state)
    if state.usage:
        yield Verdict.FINE, f"the index counts {size_of(state.usage.stored_bytes)} stored"
    if state.holder:
        yield Verdict.FINE, f"a running teltubby (process {state.holder}) serves it, so nobody else can"


def _schema(path: Path, state: DatabaseState) -> tuple[Verdict, str]:
    if state.schema > state.latest:
        text = f"{path} has schema {state.schema}, made by a newer teltubby; this one knows {state.latest}"
        return Verdict.WRONG, f"{text} – use that one, or a backup"
    if state.schema < state.latest:
        text = f"{path} has schema {state.schema}; the start brings it to {state.latest}"
        return Verdict.FINE, f"{text}, which can't be undone: keep a backup"
    return Verdict.FINE, f"{path} has the schema of this version ({state.latest})"
