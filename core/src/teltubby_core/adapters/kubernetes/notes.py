"""What is noted about a session, as annotations on its Lease: for `kubectl describe`, and for the next holder."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import ValidationError

from teltubby_core.adapters.kubernetes.holding import Holder
from teltubby_core.domain.sessions import SessionNotes, SessionSight

_PREFIX = "teltubby.io/session-"
RETIRE = "teltubby.io/retire"
"""Set to "true", the session is to be logged out, and stays empty until this is taken away."""
ROTATE, SHRINK = "rotate", "shrink"
"""Set by the operator: the session is logged out to be logged in anew, or because there are to be fewer of them."""
_MARKS = frozenset({"true", ROTATE, SHRINK})

_FIELDS = {name: _PREFIX + name.replace("_", "-") for name in SessionNotes.model_fields}


def written(notes: SessionNotes, annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations with these notes among them."""
    others = {key: value for key, value in annotations.items() if key not in _FIELDS.values()}
    ours = {name: value for name in _FIELDS if (value := getattr(notes, name)) is not None}
    return others | {_FIELDS[name]: _text(value) for name, value in ours.items()}


def read(annotations: Mapping[str, str]) -> SessionNotes:
    """Return the notes among these annotations. What can't be read counts as not noted."""
    told = {name: annotations[key] for name, key in _FIELDS.items() if key in annotations}
    try:
        return SessionNotes.model_validate(told)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors()}
        return SessionNotes.model_validate({name: value for name, value in told.items() if name not in wrong})


def sight_of(name: str, annotations: Mapping[str, str], identity: str | None) -> SessionSight:
    """Return what a Lease shows; ``identity`` is its holder's."""
    holder = Holder.read(identity).pod if identity else None
    return SessionSight(name, read(annotations), holder, annotations.get(RETIRE) in _MARKS)


def _text(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
