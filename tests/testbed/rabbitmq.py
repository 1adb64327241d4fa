"""RabbitMQ as one process on loopback, in a folder of its own, with ports and a port mapper (epmd) of its own.

It never runs as root: started by root it becomes an ordinary user. Everything here blocks and has a limit.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from testbed.certificates import Certificate
from testbed.processes import Process, TestbedError, free_port, listens

URL_VARIABLE = "TELTUBBY_TEST_RABBITMQ_URL"
_HOMES = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"
"""Where Debian's package puts the real programs; those in its PATH insist on a user of their own."""
_START_LIMIT = 90.0  # seconds; five to ten when the machine has nothing else to do
_STOP_LIMIT = 30.0
_TOOL_LIMIT = 60.0
_ATTEMPTS = 3  # somebody may take a free port before the broker does
_NOBODY = 65534
_GREETING = b"AMQP\x00\x00\x09\x01"
"""How a client of AMQP 0-9-1 begins; a broker that is ready answers with Connection.Start."""


@dataclass(frozen=True)
class AmqpAddress:
    """A broker and who we are there. ``ca_file``: whom to trust, when it speaks amqps."""

    host: str
    port: int
    username: str = "guest"
    password: str = "guest"
    vhost: str = "/"
    ca_file: Path | None = None

    @classmethod
    def of(cls, url: str) -> "AmqpAddress":
        """Read an address like ``amqp://user:password@host:port/vhost``; port and vhost may be left out."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or 5672,
            username=unquote(parts.username or "guest"),
            password=unquote(parts.password or "guest"),
            vhost=unquote(parts.path[1:]) or "/",
        )

    @property
    def environment(self) -> dict[str, str]:
        """The product's settings for it, as environment variables."""
        found = {
            "RABBITMQ_HOST": self.host,
            "RABBITMQ_PORT": str(self.port),
            "RABBITMQ_USERNAME": self.username,
            "RABBITMQ_PASSWORD": self.password,
            "RABBITMQ_VHOST": self.vhost,
        }
        if self.ca_file:
            found |= {"RABBITMQ_TLS": "true", "RABBITMQ_CA_FILE": str(self.ca_file)}
        return found


class RabbitMq:
    """A broker; use it as a context manager. Its data and ports stay the same over every restart."""

    def __init__(
        self,
        *,
        config: Sequence[str] = (),
        advanced: str = "",
        plugins: Sequence[str] = (),
        certificate: Certificate | None = None,
    ) -> None:
        """``config``: further lines of rabbitmq.conf. ``advanced``: Erlang terms for advanced.config.

        ``plugins`` like ``rabbitmq_management`` make the start some seconds longer. With ``certificate`` it speaks
        amqps as well, and https instead of http.
        """
        self._config = list(config)
        self._advanced = advanced
        self._plugins = list(plugins)
        self._certificate = certificate
        self._home: Path | None = None
        self._ports: list[int] = []
        self._epmd: Process | None = None
        self._server: Process | None = None

    @property
    def address(self) -> AmqpAddress:
        """Where it speaks amqp."""
        return AmqpAddress("127.0.0.1", self._port(0))

    @property
    def tls_address(self) -> AmqpAddress:
        """Where it speaks amqps."""
        if self._certificate is None:
            raise TestbedError("this RabbitMQ has no certificate")
        return AmqpAddress("127.0.0.1", self._port(1), ca_file=self._certificate.authority)

    @property
    def management_url(self) -> str:
        """Root of its management API, when that plugin was asked for."""
        return f"http{'s' if self._certificate else ''}://127.0.0.1:{self._port(2)}"

    @property
    def process(self) -> Process:
        """The process, to be suspended or looked at."""
        if self._server is None:
            raise TestbedError("RabbitMQ was not started")
        return self._server

    def start(self) -> None:
        """Start it and wait until it serves, the first time on free ports.

        Raises:
            TestbedError: it is not installed or does not come up; with the end of its log.
        """
        attempts = _ATTEMPTS if self._home is None else 1
        while not self._started():
            attempts -= 1
            if not attempts or self.process.alive:
                raise TestbedError(f"RabbitMQ did not come up:\n{self.process.tail()}")
            self.close()

    def _started(self) -> bool:
        self.launch()
        with suppress(TestbedError):
            self.wait_ready()
            return True
        return False

    def launch(self) -> None:
        """Start it without waiting. It ends with the thread that calls this."""
        home = self._home or self._settle_in()
        if self._epmd is None or not self._epmd.alive:
            epmd = [_program("epmd"), "-port", str(self._port(4)), "-address", "127.0.0.1"]
            self._epmd = Process("epmd", epmd, home / "epmd.log")
            self._epmd.start()
        command = [*_as_ordinary_user(), str(_sbin() / "rabbitmq-server")]
        self._server = Process("RabbitMQ", command, home / "rabbitmq.log", env=self._environment(home), cwd=home)
        self._server.start()

    def wait_ready(self) -> None:
        """Wait until it serves."""
        self.process.wait_ready(self._greets, _START_LIMIT)

    def stop(self) -> None:
        """End it in order. What it holds stays, for another start."""
        if self._server is not None:
            self._server.stop(_STOP_LIMIT)

    def kill(self) -> None:
        """End it as a power cut would. What it holds durably stays, for another start."""
        self.process.kill()

    def close(self) -> None:
        """End it for good; nothing is left of it."""
        self.stop()
        if self._epmd is not None:
            self._epmd.stop()
            self._epmd = None
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home, self._ports = None, []

    def control(self, *arguments: str) -> str:
        """Run ``rabbitmqctl``; it takes two seconds or so."""
        home = self._home
        if home is None:
            raise TestbedError("RabbitMQ was not started")
        done = subprocess.run(  # the broker's own program
            [*_as_ordinary_user(), str(_sbin() / "rabbitmqctl"), "--quiet", *arguments],
            env=self._environment(home),
            cwd=home,
            capture_output=True,
            text=True,
            timeout=_TOOL_LIMIT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise TestbedError(f"rabbitmqctl {arguments[0]}: {(done.stderr or done.stdout).strip()[-1000:]}")
        return done.stdout

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle_in(self) -> Path:
        # Not below pytest's folder: that is closed to the ordinary user that the broker becomes.
        home = Path(tempfile.mkdtemp(prefix="teltubby-rabbitmq-"))
        self._home, self._ports = home, _free_ports(5)
        (home / "log").mkdir()
        (home / "rabbitmq.conf").write_text("\n".join([*self._base_config(home), *self._config, ""]), "utf-8")
        (home / "advanced.config").write_text(self._advanced or "[].\n", "utf-8")
        (home / "plugins").write_text(f"[{','.join(self._plugins)}].\n", "utf-8")
        if os.geteuid() == 0:
            for path in [home, *home.rglob("*")]:
                os.chown(path, _NOBODY, _NOBODY)
        return home

    def _base_config(self, home: Path) -> Iterator[str]:
        yield f"listeners.tcp.1 = 127.0.0.1:{self._port(0)}"
        yield "disk_free_limit.absolute = 50MB"
        if self._certificate:
            names = {"cacertfile": self._certificate.authority, "certfile": self._certificate.chain}
            for name, source in {**names, "keyfile": self._certificate.key}.items():
                shutil.copyfile(source, home / f"{name}.pem")
                yield f"ssl_options.{name} = {home / f'{name}.pem'}"
                if "rabbitmq_management" in self._plugins:
                    yield f"management.ssl.{name} = {home / f'{name}.pem'}"
            yield "ssl_options.verify = verify_none"
            yield f"listeners.ssl.1 = 127.0.0.1:{self._port(1)}"
        if "rabbitmq_management" in self._plugins:
            kind = "ssl" if self._certificate else "tcp"
            yield f"management.{kind}.ip = 127.0.0.1"
            yield f"management.{kind}.port = {self._port(2)}"

    def _environment(self, home: Path) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),  # takes the Erlang cookie
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._port(4)),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": "testbed@localhost",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_DIST_PORT": str(self._port(3)),
            "RUNNING_UNDER_SYSTEMD": "1",  # without it a shell stays in front of the broker and takes our signals
            # idle schedulers sleep instead of spinning: the tests need the processor
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        }

    def _port(self, number: int) -> int:
        if not self._ports:
            raise TestbedError("RabbitMQ was not started")
        return self._ports[number]

    def _greets(self) -> bool:
        if "rabbitmq_management" in self._plugins and not listens(self._port(2)):
            return False
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port(0)), 1) as connection:
            connection.sendall(_GREETING)
            return connection.recv(1) == b"\x01"  # a method frame
        return False


@contextmanager
def any_rabbitmq() -> Iterator[AmqpAddress]:
    """Give the broker named by TELTUBBY_TEST_RABBITMQ_URL, else start one."""
    if given := os.environ.get(URL_VARIABLE):
        yield AmqpAddress.of(given)
        return
    with RabbitMq() as broker:
        yield broker.address


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def _sbin() -> Path:
    """Find the folder of rabbitmq-server and rabbitmqctl, of the newest version."""
    homes = [path for path in Path("/").glob(_HOMES[1:]) if (path / "rabbitmq-server").is_file()]
    if homes:
        return max(homes, key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))])
    found = shutil.which("rabbitmq-server")
    if found is None:
        raise TestbedError(f"no RabbitMQ here: install rabbitmq-server, or name a broker in {URL_VARIABLE}")
    return Path(found).resolve().parent


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise TestbedError(f"no {name} here: it comes with Erlang")
    return found


def _as_ordinary_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    # the leash again: a change of user takes it off
    return [_program("setpriv"), f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--pdeathsig", "KILL"]
