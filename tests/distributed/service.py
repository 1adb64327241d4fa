"""One process of a stage: started, killed, stopped and asked how it is."""

import asyncio
import json
import signal
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed.forkserver import Forked, Forkserver

_HEALTH = "health and metrics at "
_PAGE_SECONDS = 5.0


@dataclass
class Service:
    """A program with its settings and a log for each of its starts."""

    name: str
    program: tuple[str, ...]
    settings: dict[str, str]
    folder: Path
    forkserver: Forkserver | None = None
    """What starts it; without one it is started as anybody would, and takes seconds to import its modules."""
    logs: list[Path] = field(default_factory=list)
    process: "asyncio.subprocess.Process | Forked | None" = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.returncode is None

    @property
    def latest_log(self) -> str:
        """What it has logged since its latest start."""
        return self.logs[-1].read_text("utf-8") if self.logs else ""

    def log(self) -> str:
        """Return what it has logged since its first start."""
        return "\n".join(path.read_text("utf-8") for path in self.logs)

    async def launch(self) -> None:
        """Start it, come of it what may."""
        assert not self.alive, f"{self.name} runs already"
        self.logs.append(self.folder / f"{self.name}-{len(self.logs) + 1}.log")
        self.logs[-1].touch()
        if self.forkserver:
            self.process = self.forkserver.start(self.program, self.settings, self.folder, self.logs[-1])
            return
        with self.logs[-1].open("wb") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.program,
                cwd=self.folder,
                env=self.settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self, limit: float = 30) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        self.send_signal(signal.SIGTERM)
        assert self.process is not None
        try:
            return await asyncio.wait_for(self.process.wait(), limit)
        except TimeoutError:
            self.process.kill()
            raise

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)

    async def page(self, path: str) -> tuple[int, str]:
        """GET a page of its health server, whose address its log tells: status and body, 0 while there is none."""
        told = [_message(line) for line in self.latest_log.splitlines()]
        address = next((text.partition(_HEALTH)[2] for text in told if _HEALTH in text), None)
        if address is None:
            return 0, ""
        return await asyncio.to_thread(_get, address.strip() + path)

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Return status and body of /readyz."""
        status, body = await self.page("/readyz")
        return status, json.loads(body or "{}")

    async def is_up(self) -> bool:
        """Whether all that it needs answers it."""
        return (await self.ready())[0] == 200


def _message(line: str) -> str:
    """Return what a line says, in either format."""
    return str(json.loads(line)["message"]) if line.startswith("{") else line


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=_PAGE_SECONDS) as answer:  # our own process
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (urllib.error.URLError, OSError):
        return 0, ""
