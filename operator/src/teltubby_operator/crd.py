"""``python -m teltubby_operator.crd FILE``: brings the CRD of a cluster to what a file, in JSON, says.

Helm makes what is in crds/ once and never changes it; the chart runs this before each upgrade.
"""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from lightkube import Client
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition

from teltubby_core.adapters.kubernetes.errors import ConflictError, kubernetes_errors
from teltubby_core.errors import ConfigurationError
from teltubby_core.running import exit_status

log = logging.getLogger("teltubby_operator.crd")

_TRIES = 5


def update(client: Client, wanted: CustomResourceDefinition) -> bool:
    """Replace the spec; return whether it was another one. Raises what ``kubernetes_errors`` does."""
    assert wanted.metadata is not None
    name = str(wanted.metadata.name)
    for attempt in range(1, _TRIES + 1):
        try:
            with kubernetes_errors(f"CustomResourceDefinition {name}"):
                found = client.get(CustomResourceDefinition, name)
                before, found.spec = found.metadata and found.metadata.generation, wanted.spec
                after = client.replace(found)
                return (after.metadata and after.metadata.generation) != before
        except ConflictError:
            if attempt == _TRIES:
                raise
    raise AssertionError("the last try returns or raises")


def main() -> int:
    """Do it; return the exit status: 0 done, 1 it can't be, 2 a wrong call."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    return exit_status("teltubby-operator-crd", lambda: _update_by(sys.argv[1:]))


def _update_by(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        raise ConfigurationError(["name one file: python -m teltubby_operator.crd FILE"])
    try:
        told = json.loads(Path(arguments[0]).read_text("utf-8"))
        wanted = cast("CustomResourceDefinition", CustomResourceDefinition.from_dict(told))
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"{arguments[0]} is no CRD in JSON: {error}"]) from error
    with kubernetes_errors("the service account"):
        client = Client(trust_env=True)
    changed = update(client, wanted)
    log.info("the CRD %s", "was brought up to date" if changed else "is as it should be")


if __name__ == "__main__":
    sys.exit(main())
