"""The stage: starts the simulator and ``teltubby run``, lets the curator play, prints what happens."""

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.tree import Tree

from teltubby_cli.demo.cast import Cast, Files, make_files, new_cast, settings_of_run
from teltubby_cli.demo.check import Finding, check
from teltubby_core.errors import ConfigurationError
from teltubby_simulator.model import Message, OriginChannel
from teltubby_simulator.server import TelegramSimulator

_PATIENCE = 90.0  # seconds for one answer
_STOP_SECONDS = 20.0
_ENDS = ("✅ Archived", "♻️", "⚠️")
_LOG_TAIL = 30  # lines
_BOT_API_LATENCY = 0.05  # seconds
_MTPROTO_LATENCY = 0.45  # with eight parts of 1 MiB in flight this gives the 17 MB/s that bots see at Telegram
_WIDTH = 150  # columns where no terminal says otherwise


def demo(*, keep: str | None, large_mb: int) -> int:
    """Play the demo; return 0 when every byte arrived, else 1.

    Raises:
        ConfigurationError: ``keep`` names a folder that holds something, or ``large_mb`` is not a size.
    """
    if not 21 <= large_mb <= 2000:
        raise ConfigurationError(["--large-mb: give 21 to 2000; smaller files don't need a worker"])
    if keep and Path(keep).exists() and any(Path(keep).iterdir()):
        raise ConfigurationError([f"--keep: {keep} is not empty; name a new folder"])
    with tempfile.TemporaryDirectory(prefix="teltubby-demo-") as folder:
        return asyncio.run(_Demo(_console(), Path(folder), keep, large_mb).play())


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


class _Demo:
    def __init__(self, console: Console, folder: Path, keep: str | None, large_mb: int) -> None:
        self._console = console
        self._folder = folder
        self._archive = Path(keep).absolute() if keep else folder / "archive"
        self._run_log = folder / "run.log"
        self._large_mb = large_mb
        self._cast: Cast = new_cast()
        self._cast.world.faults.bot_api.latency = _BOT_API_LATENCY
        self._cast.world.faults.mtproto.latency = _MTPROTO_LATENCY
        self._shown: dict[int, int] = {}
        self._ended_with: int | None = None  # the status of a run that ended too early

    async def play(self) -> int:
        started = time.monotonic()
        files = make_files(self._cast.world, self._large_mb)
        try:
            async with TelegramSimulator(self._cast.world) as simulator, self._running(simulator):
                self._say("[bold]A Telegram of its own is up, and[/] teltubby run [bold]serves its bot.[/]\n")
                await self._scenes(files)
        except (TimeoutError, ChildProcessError) as error:
            self._say(f"\n[red]The demo failed: {escape(str(error)) or 'an answer did not come in time'}[/]")
            self._say(escape("\n".join(self._run_log.read_text("utf-8").splitlines()[-_LOG_TAIL:])))
            return 1
        return self._verdict(time.monotonic() - started)

    @asynccontextmanager
    async def _running(self, simulator: TelegramSimulator) -> AsyncIterator[None]:
        settings = settings_of_run(simulator, self._cast, self._folder) | {"ARCHIVE_DIR": str(self._archive)}
        with self._run_log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "teltubby_cli", "run", cwd=self._folder, env=settings, stderr=log
            )
            tasks = [
                asyncio.create_task(self._tell_news(), name="demo chat"),
                asyncio.create_task(self._notice_end(process), name="demo run"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await _end(process)

    async def _tell_news(self) -> None:
        """Print what the bot says as it says it."""
        while True:
            await self._cast.world.changed.wait_for(self._news)
            self._print_news()

    async def _notice_end(self, process: asyncio.subprocess.Process) -> None:
        self._ended_with = await process.wait()
        self._cast.world.changed.notify()

    def _news(self) -> bool:
        return any(len(message.edits) > self._shown.get(message.id, 0) for message in self._answers())

    def _answers(self) -> list[Message]:
        chat = self._cast.world.chat_with(self._cast.curator.id, self._cast.bot.id)
        return [message for message in chat if message.sender is self._cast.bot]

    def _print_news(self) -> None:
        for message in self._answers():
            for number, (_, text) in enumerate(message.edits):
                if number >= self._shown.get(message.id, 0):
                    sign = "[cyan]bot[/] ↳" if number == 0 else "[cyan]bot[/] ✎"
                    lines = escape(text).replace("\n", "\n        ")
                    self._say(f"  {sign} {lines}")
            self._shown[message.id] = len(message.edits)

    def _say(self, markup: str) -> None:
        self._console.print(markup, soft_wrap=True)

    async def _scenes(self, files: Files) -> None:
        cast, world = self._cast, self._cast.world
        self._ada("/start")
        await self._answered([world.send(cast.curator, cast.bot, text="/start")], ends=("Send or forward",))
        await self._scene("a photo", cast.sends(files.photo, "Sunrise over the hills"))
        await self._scene(
            "a video, a voice message and music, at once",
            cast.sends(files.video),
            cast.sends(files.voice),
            cast.sends(files.music, "Étude № 3 – слушай"),
        )
        await self._scene("a PDF", cast.sends(files.paper, "Minutes"))
        captions = ["Our summer", None, None]
        await self._scene("an album of mixed kinds", *cast.sends_album(list(zip(files.album, captions, strict=True))))
        channel = world.add_chat("channel", "Nature Daily", "naturedaily")
        origin = OriginChannel(channel, 42, int(time.time()) - 86400)
        await self._scene("a forward from a channel", cast.sends(files.forwarded, "Look at that", origin))
        await self._scene("the PDF once more", cast.sends(files.paper))
        self._say(f"\n[magenta]Mallory[/], a stranger, sends a photo: [dim]{await self._stranger(files)}[/]")
        await self._large(cast.sends(files.large_video, "The whole expedition"))
        self._ada("/status")
        await self._answered([world.send(cast.curator, cast.bot, text="/status")], ends=("Up for",))

    def _ada(self, what: str) -> None:
        self._print_news()
        self._say(f"\n[green]Ada[/] sends {what}")

    async def _scene(self, what: str, *messages: Message) -> None:
        self._ada(what)
        await self._answered(list(messages))

    async def _answered(self, messages: list[Message], ends: tuple[str, ...] = _ENDS) -> None:
        """Wait until the bot's answer to each message, of an album to its first, stands at an end."""
        groups = {message.media_group_id or str(message.id): message.id for message in reversed(messages)}

        def ended() -> bool:
            if self._ended_with is not None:
                raise ChildProcessError(f"teltubby run ended with status {self._ended_with}")
            done = {answer.reply_to_message_id for answer in self._answers() if (answer.text or "").startswith(ends)}
            return set(groups.values()) <= done

        await self._cast.world.changed.wait_for(ended, _PATIENCE)
        self._print_news()

    async def _stranger(self, files: Files) -> str:
        world, cast = self._cast.world, self._cast
        world.send(cast.stranger, cast.bot, media=files.photo)
        await world.changed.wait_for(lambda: not world.account(cast.bot).updates.pending(), _PATIENCE)
        answers = [m for m in world.chat_with(cast.stranger.id, cast.bot.id) if m.sender is cast.bot]
        return "the bot keeps silent." if not answers else "THE BOT ANSWERED."

    async def _large(self, message: Message) -> None:
        self._ada(f"a video of {self._large_mb} MB: too large for the Bot API, so a worker streams it over MTProto")
        assert message.media is not None
        total = message.media.file.content.size
        columns = (BarColumn(40), DownloadColumn(binary_units=True), TransferSpeedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task("", total=total)
            ended = asyncio.ensure_future(self._answered([message]))
            while not ended.done():
                await asyncio.wait([ended], timeout=0.1)
                progress.update(task, completed=min(self._served(), total))
            await ended

    def _served(self) -> int:
        """Return the bytes that the MTProto door has handed out."""
        calls = self._cast.world.journal.entries("upload.getFile")
        return sum(int(str(call.params.get("limit", 0))) for call in calls if call.outcome == "ok")

    def _verdict(self, seconds: float) -> int:
        findings = check(self._archive, self._cast.sent)
        self._say("\n[bold]The archive[/]")
        self._console.print(_tree(self._archive))
        self._show_document()
        self._say("\n[bold]What was sent against what is stored[/]")
        self._console.print(_table(findings))
        problems = [finding for finding in findings if finding.problem]
        strangers = self._cast.world.chat_with(self._cast.stranger.id, self._cast.bot.id)
        if len(strangers) > 1:
            self._say("[red]The bot answered a stranger.[/]")
            return 1
        if problems:
            self._say(f"[red]{len(problems)} of {len(findings)} files are not as they were sent.[/]")
            return 1
        self._say(f"[green]All {len(findings)} files are in the archive, every byte as sent.[/] {seconds:.0f} s.")
        return 0

    def _show_document(self) -> None:
        documents = sorted(self._archive.rglob("message.json"))
        chosen = next((path for path in documents if "naturedaily" in str(path)), documents[0] if documents else None)
        if chosen is None:
            return
        self._say(f"\n[bold]One message.json[/] {chosen.relative_to(self._archive)}")
        text = json.dumps(json.loads(chosen.read_text("utf-8")), indent=2, ensure_ascii=False)
        self._console.print(Syntax(text, "json", background_color="default", word_wrap=True))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            status = await process.wait()
    except TimeoutError:
        process.kill()
        status = await process.wait()
    if status != 0:
        raise ChildProcessError(f"teltubby run ended with status {status}")


def _tree(root: Path) -> Tree:
    tree = Tree(f"{root.name}/")
    branches = {root: tree}
    for path in sorted(root.rglob("*")):
        if path.name == ".parts":
            continue
        label = f"{path.name}/" if path.is_dir() else f"{path.name}  [dim]{path.stat().st_size:,} B[/]"
        branches[path] = branches[path.parent].add(label)
    return tree


def _table(findings: list[Finding]) -> Table:
    table = Table("sent", "bytes", "sha256", "object", box=None, header_style="dim")
    for finding in findings:
        verdict = f"[red]{finding.problem}[/]" if finding.problem else "[green]equal[/]"
        where = f"{finding.key} [dim](duplicate)[/]" if finding.duplicate else finding.key
        table.add_row(escape(finding.name), f"{finding.size:,}", verdict, where)
    return table
