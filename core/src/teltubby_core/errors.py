"""Every error that crosses a room's border, sorted by what can be done about it.

    TeltubbyError
    ├── TransientError(retry_after)   try again by itself: network, flood, a connection that closed
    │   └── TransferMismatchError     bytes or size differ from what was announced; nothing was stored
    ├── PermanentError                the same call would fail for ever: the file is gone, the job is malformed
    │   └── FileTooBigError           over the Bot API's download limit: another route may still do it
    ├── UserError                     what the user sent can't be used; the text says what to send instead
    │   └── OverLimitError            larger than MAX_FILE_GB: skipped by rule
    └── InfrastructureError           our own house: waits until somebody or something mends it, burns no retry
        ├── StorageFullError          no space left for objects
        ├── BrokerUnavailableError    the message broker can't be reached or refuses
        ├── StorageUnavailableError   read-only, missing or unreachable object store
        ├── DatabaseUnavailableError  locked, full or unwritable database
        ├── SessionGoneError          somebody removed the place where a session's login is kept
        └── ConfigurationError        a setting is wrong; the start stops with exit status 2
            └── DatabaseInUseError    another process serves this database; it may be about to end

An adapter raises nothing else. Whoever catches looks at the category, never at the library below.
"""

from enum import StrEnum


class ErrorCategory(StrEnum):
    """What an error means for the work at hand, as counted in metrics and written to job events."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    USER = "user"
    SYSTEM = "system"


class TeltubbyError(Exception):
    """Base of all our errors. The text is for people and holds no secret."""

    category = ErrorCategory.PERMANENT


class TransientError(TeltubbyError):
    """Worth another try.

    Attributes:
        retry_after: seconds the other side asked us to wait; None when it did not say.
    """

    category = ErrorCategory.TRANSIENT

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TransferMismatchError(TransientError):
    """A transfer ended short, long or changed; it never becomes an object."""


class PermanentError(TeltubbyError):
    """Trying again can't help."""

    category = ErrorCategory.PERMANENT


class FileTooBigError(PermanentError):
    """The Bot API does not hand out a file of this size."""


class UserError(TeltubbyError):
    """The user can mend it; the text tells how."""

    category = ErrorCategory.USER


class OverLimitError(UserError):
    """The file is larger than this archive takes; nothing of it is kept."""


class InfrastructureError(TeltubbyError):
    """Our own house is not in order; the work waits and burns no retry."""

    category = ErrorCategory.SYSTEM


class StorageFullError(InfrastructureError):
    """No space is left for objects."""


class StorageUnavailableError(InfrastructureError):
    """The object store can't be written to or reached."""


class BrokerUnavailableError(InfrastructureError):
    """The message broker can't be reached, or refuses what we ask of it."""


class DatabaseUnavailableError(InfrastructureError):
    """The database is locked by someone else, full or not writable."""


class SessionGoneError(InfrastructureError):
    """The place where a session's login is kept is not there any more."""


class ConfigurationError(InfrastructureError):
    """A setting is missing or wrong.

    Attributes:
        problems: one sentence a setting, each starting with its name.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DatabaseInUseError(ConfigurationError):
    """Another process serves this database, which only one may."""
