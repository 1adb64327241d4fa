"""The values that labels may take. Closed sets: what people send never becomes a label."""

from enum import StrEnum


class SkipReason(StrEnum):
    """Why a message or a file of it was not archived, by rule."""

    OVER_LIMIT = "over_limit"  # larger than MAX_FILE_GB
    NOT_A_FILE = "not_a_file"  # a text, a place, a contact, a poll


class SecurityKind(StrEnum):
    """What somebody tried who may not."""

    STRANGER = "stranger"  # a message from a user that is not on the whitelist
    FOREIGN_CHAT = "foreign_chat"  # a post in a group or channel
    FORGED_CALLBACK = "forged_callback"  # a button that we did not make for this user
    WRONG_WEBHOOK_SECRET = "wrong_webhook_secret"  # noqa: S105  # the name of an event
    REFUSED_COMMAND = "refused_command"  # a command or job of somebody else


class AlertKind(StrEnum):
    """What admins are told of."""

    DEAD_LETTER = "dead_letter"
    PARKED_UPDATE = "parked_update"
    SESSION_LOST = "session_lost"
    QUOTA = "quota"
    OUTAGE = "outage"  # of broker, store or database
    SECURITY = "security"
