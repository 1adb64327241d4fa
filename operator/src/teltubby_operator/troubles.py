"""What can be wrong outside of us, as an error with a condition's reason and a sentence that says what to do."""

from teltubby_core.errors import TransientError


class TroubleError(TransientError):
    """Something is missing, refused or silent; it is tried again. ``reason`` is one word, for a condition."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
