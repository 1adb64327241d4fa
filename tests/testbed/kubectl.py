"""A cluster as one reaches it: kubectl and helm with one kubeconfig. Whose cluster it is does not matter here."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.processes import TestbedError

_LIMIT = 60.0  # seconds
_TAIL = 3000  # characters of an error


@dataclass(frozen=True)
class Cluster:
    """``programs`` is the folder of kubectl and helm."""

    kubeconfig: Path
    programs: Path

    @property
    def environment(self) -> dict[str, str]:
        """What programs need to reach it."""
        path = f"{self.programs}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        home = str(self.kubeconfig.parent)  # where they keep what they have read
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path, "HOME": home}

    def kubectl(self, *arguments: str, given: str | None = None, limit: float = _LIMIT) -> str:
        """Return what it prints; ``given`` is its input.

        Raises:
            TestbedError: it failed, or took longer than ``limit`` seconds.
        """
        return self._run("kubectl", arguments, given, limit)

    def helm(self, *arguments: str, given: str | None = None, limit: float = 300) -> str:
        """Return what it prints; ``given`` is its input.

        Raises:
            TestbedError: it failed, or took longer than ``limit`` seconds.
        """
        return self._run("helm", arguments, given, limit)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what ``kubectl get`` finds, as JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Make these objects, or change those that are there."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--filename=-", given=json.dumps(items))

    def _run(self, program: str, arguments: tuple[str, ...], given: str | None, limit: float) -> str:
        command = [str(self.programs / program), *arguments]
        said = f"{program} {' '.join(arguments)}"
        try:
            done = subprocess.run(
                command,
                input=given or "",
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
                env=self.environment,
            )
        except subprocess.TimeoutExpired as error:
            told = (error.stdout or b"").decode("utf-8", "replace")
            raise TestbedError(f"{said}: not done after {limit:g} s\n{told[-_TAIL:]}") from None
        if done.returncode:
            raise TestbedError(f"{said}: {(done.stderr + done.stdout).strip()[-_TAIL:]}")
        return done.stdout
