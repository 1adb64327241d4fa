"""What a check found, for people and for machines."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding means."""

    FINE = "fine"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


_SIGNS = {Verdict.FINE: "✔", Verdict.WRONG: "✘", Verdict.NOT_CHECKED: "–"}


@dataclass(frozen=True)
class Finding:
    """One sentence on one subject; a wrong one says what to do."""

    verdict: Verdict
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{_SIGNS[self.verdict]} {self.subject}: {self.text}"
