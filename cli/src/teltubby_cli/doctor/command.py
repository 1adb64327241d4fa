"""The command: reads the settings, has the checks made, tells what they found."""

import asyncio
import json
from collections.abc import Sequence

from teltubby_cli.doctor.check import findings_of
from teltubby_cli.doctor.finding import Finding, Verdict
from teltubby_cli.doctor.known import Known, read, services_here
from teltubby_cli.doctor.table import ANSWER_SECONDS, World, checks_for, real_world
from teltubby_core.logs import flush_logs, secrets_of, set_up_logging
from teltubby_core.running import EXIT_CONFIGURATION, EXIT_FAILURE, EXIT_OK

LIMIT_SECONDS = 10.0
"""What a check may take; they run side by side, so it is what all of them take together."""


def doctor(service: str | None, *, as_json: bool) -> int:
    """Check ``service``, or what the settings are for; return 0: all fine, 1: something is wrong, 2: settings are.

    Raises:
        ConfigurationError: .env can't be read.
    """
    known = read((service,) if service else services_here(), ANSWER_SECONDS)
    secrets = [secret for group in known.groups.values() for secret in secrets_of(group)]
    set_up_logging("ERROR", "text", secrets=secrets)
    return asyncio.run(examine(known, real_world(), as_json=as_json))


async def examine(known: Known, world: World, *, as_json: bool, limit: float = LIMIT_SECONDS) -> int:
    """Make the checks and print what they found; return the exit status.

    Printed here, before the event loop ends: its end waits for threads, such as one in which a name is looked up.
    """
    findings = await findings_of(checks_for(known, world), limit)
    status = _status(known, findings)
    flush_logs()
    print(_as_json(known, findings, status) if as_json else "\n".join(map(str, findings)), flush=True)
    return status


def _status(known: Known, findings: Sequence[Finding]) -> int:
    if any(known.problems.values()):
        return EXIT_CONFIGURATION
    return EXIT_FAILURE if any(finding.verdict is Verdict.WRONG for finding in findings) else EXIT_OK


def _as_json(known: Known, findings: Sequence[Finding], status: int) -> str:
    document = {
        "services": list(known.problems),
        "status": status,
        "findings": [{"subject": each.subject, "verdict": each.verdict, "text": each.text} for each in findings],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
