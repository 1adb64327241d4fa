"""Why a message can't be read as a job, for people. Nothing of its content is repeated: it may hold anything."""

from pydantic import ValidationError

from teltubby_core.domain.jobs import JobMessage


def unreadable_reason(error: ValidationError) -> str:
    """Return the reason, of one line."""
    problems = error.errors(include_input=False, include_url=False)
    if any(problem["loc"] == ("version",) for problem in problems):
        return "can't be read: it is of a version that this teltubby does not know"
    first = problems[0]
    if first["type"] == "json_invalid":
        return "can't be read: it is no JSON"
    where = ".".join(str(step) for step in first["loc"] if isinstance(step, int) or step in _KNOWN)
    if first["type"] == "extra_forbidden":
        where = f"{where}, a field of an unknown name" if where else "a field of an unknown name"
    return f"can't be read: {len(problems)} wrong fields, the first: {where or 'all of it'}"


def _names(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = set(schema.get("properties", {}))
        return own.union(*(_names(value) for value in schema.values()))
    return set()


_KNOWN = frozenset(_names(JobMessage.model_json_schema()))
"""Names that a field of a job may have; any other is the sender's own text."""
