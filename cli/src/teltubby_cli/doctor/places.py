"""Files and folders of this machine, as findings; and sizes for people."""

import os
from pathlib import Path

from teltubby_cli.doctor.finding import Verdict

_STEP = 1000.0


def can_be_made(folder: Path, setting: str) -> tuple[Verdict, str]:
    """Say whether a folder that is not there yet can be made. Blocks."""
    above = next((each for each in folder.absolute().parents if each.exists()), Path("/"))
    if is_writable(above):
        return Verdict.FINE, f"{folder.absolute()} is not there yet; it is made at the start"
    text = f"{folder.absolute()} is not there and can't be made: {above} is not writable for this user"
    return Verdict.WRONG, f"{text} – change its owner or permissions, or name another place in {setting}"


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder. Blocks."""
    return os.access(folder, os.W_OK | os.X_OK)


def size_of(count: int) -> str:
    """Return a number of bytes for people."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < _STEP:
            return f"{value:.3g} {unit}"
        value /= _STEP
    return f"{value:,.1f} TB"
