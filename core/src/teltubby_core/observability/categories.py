"""Any exception as one of our four categories."""

from teltubby_core.errors import ErrorCategory, TeltubbyError

_GRAVEST_FIRST = (ErrorCategory.SYSTEM, ErrorCategory.PERMANENT, ErrorCategory.TRANSIENT, ErrorCategory.USER)


def category_of(error: BaseException) -> ErrorCategory:
    """Return what an error counts as.

    Ours say it themselves. Of foreign ones a time-out or a lost connection is transient; every other is a defect or
    a machine in trouble, and either is our own house. A group counts as the gravest in it.
    """
    if isinstance(error, BaseExceptionGroup):
        inside = {category_of(each) for each in error.exceptions}
        return next(category for category in _GRAVEST_FIRST if category in inside)
    if isinstance(error, TeltubbyError):
        return error.category
    if isinstance(error, TimeoutError | ConnectionError):
        return ErrorCategory.TRANSIENT
    return ErrorCategory.SYSTEM
