"""MinIO as one process on loopback, in a folder of its own, with credentials of its own."""

import os
import secrets
import shutil
import ssl
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from testbed import binaries
from testbed.certificates import Certificate
from testbed.processes import Process, TestbedError, free_port

_START_LIMIT = 60.0  # seconds; half of one when the machine has nothing else to do
_ATTEMPTS = 3  # somebody may take the free port before MinIO does


@dataclass(frozen=True)
class S3Address:
    """A server that speaks S3 and who we are there. ``ca_file``: whom to trust, when it speaks https."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    ca_file: Path | None = None


class Minio:
    """A MinIO; use it as a context manager. ``folder`` takes its objects and its log, and stays."""

    def __init__(self, folder: Path, *, certificate: Certificate | None = None, wrapper: Sequence[str] = ()) -> None:
        """With ``certificate`` it speaks https. ``wrapper``: a command that ends by executing its further arguments."""
        self.folder = folder
        self.data = folder / "data"
        self._wrapper = wrapper
        self._certificate = certificate
        self._access_key_id = f"tester-{secrets.token_hex(4)}"
        self._secret_access_key = secrets.token_hex(20)
        self._port = 0
        self._process: Process | None = None

    @property
    def address(self) -> S3Address:
        """Where it is; the same after every restart."""
        scheme = "https" if self._certificate else "http"
        authority = self._certificate.authority if self._certificate else None
        return S3Address(f"{scheme}://127.0.0.1:{self._port}", self._access_key_id, self._secret_access_key, authority)

    @property
    def process(self) -> Process:
        """The process, to be suspended or killed."""
        if self._process is None:
            raise TestbedError("MinIO was not started")
        return self._process

    def start(self) -> None:
        """Start it and wait until it serves, the first time on a free port.

        Raises:
            TestbedError: there is no program for it, or it does not come up; with the end of its log.
        """
        binary = binaries.built(binaries.MINIO)
        self.data.mkdir(parents=True, exist_ok=True)
        attempts = 1 if self._port else _ATTEMPTS
        while True:
            attempts -= 1
            self._port = self._port or free_port()
            try:
                self._launch(binary)
            except TestbedError:
                if self.process.alive or not attempts:
                    raise
                self._port = 0
            else:
                return

    def stop(self) -> None:
        """End it. Its objects stay, for another start."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def unfinished(self) -> list[Path]:
        """Return the multipart uploads that lie on its disk, whoever began them."""
        found = (self.data / ".minio.sys" / "multipart").glob("*/*")
        return [path for path in found if path.is_dir()]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, binary: Path) -> None:
        command = [*self._wrapper, str(binary), "server", "--quiet", "--address", f"127.0.0.1:{self._port}"]
        certificates = self.folder / "certificates"
        certificates.mkdir(exist_ok=True)  # without one it looks into the home folder
        if self._certificate:
            shutil.copyfile(self._certificate.chain, certificates / "public.crt")
            shutil.copyfile(self._certificate.key, certificates / "private.key")
        command += ["--certs-dir", str(certificates), str(self.data)]
        self._process = Process("MinIO", command, self.folder / "minio.log", env=self._environment())
        self._process.start()
        self._process.wait_ready(self._is_live, _START_LIMIT)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MINIO_ROOT_USER": self._access_key_id,
            "MINIO_ROOT_PASSWORD": self._secret_access_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_CI_CD": "1",  # takes a folder on the system's own disk
        }

    def _is_live(self) -> bool:
        trust = ssl.create_default_context(cafile=self.address.ca_file) if self.address.ca_file else None
        try:
            url = f"{self.address.endpoint}/minio/health/live"
            with urllib.request.urlopen(url, timeout=1, context=trust) as answer:  # our own address
                return bool(answer.status == 200)
        except OSError:
            return False
