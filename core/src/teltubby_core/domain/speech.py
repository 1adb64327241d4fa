"""What the bot says beside text: buttons that type a command, and a stored file that goes back to its chat."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Button:
    """A button under a message. Pressing it does what its user's typing ``command`` (without the slash) would."""

    label: str
    command: str


Buttons = tuple[tuple[Button, ...], ...]
"""Rows of buttons, from the top."""


@dataclass(frozen=True)
class Answer:
    """What a command is answered with.

    Attributes:
        text: plain, without markup.
        buttons: under it.
        in_place: when a button was pressed, whether it takes the place of the message that had it.
        file: id of the item whose file is sent, with the text as its caption; None when there is none.
    """

    text: str
    buttons: Buttons = ()
    in_place: bool = False
    file: int | None = None


def written(buttons: Buttons) -> str | None:
    """Return buttons as text that ``read`` understands; None when there are none."""
    return json.dumps([[[each.label, each.command] for each in row] for row in buttons]) if buttons else None


def read(text: str | None) -> Buttons:
    """Return the buttons that were written."""
    return tuple(tuple(Button(*each) for each in row) for row in json.loads(text)) if text else ()
