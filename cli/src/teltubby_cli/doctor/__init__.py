"""``teltubby doctor``: looks at all that a service depends on and says what to do. Changes nothing at Telegram."""

from teltubby_cli.doctor.command import doctor

__all__ = ["doctor"]
