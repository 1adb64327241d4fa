"""A loop goes on whatever happens in one round, wakes at once, and ends when told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from support import eventually
from teltubby_bot import loops
from teltubby_bot.loops import Loop, done_before, wait_any
from teltubby_core.errors import ConfigurationError, DatabaseUnavailableError, TransientError

Runs = Callable[[Callable[[], Awaitable[float | None]]], Loop]


@pytest.fixture
async def run(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runs]:
    monkeypatch.setattr(loops, "_FIRST_BACKOFF", 0.02)
    monkeypatch.setattr(loops, "_LONGEST_BACKOFF", 0.08)
    stop = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    def _run(step: Callable[[], Awaitable[float | None]]) -> Loop:
        loop = Loop("testing", step)
        tasks.append(asyncio.create_task(loop.run(stop)))
        return loop

    yield _run
    stop.set()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)


class Steps:
    """A step that returns or raises what it is told, then rests."""

    def __init__(self, *results: float | Exception | None) -> None:
        self._results = list(results)
        self.times: list[float] = []

    async def __call__(self) -> float | None:
        self.times.append(asyncio.get_running_loop().time())
        result = self._results.pop(0) if self._results else None
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


async def test_it_comes_back_when_something_is_due(run: Runs) -> None:
    steps = Steps(0.0, 0.05)
    run(steps)
    await eventually(lambda: len(steps.times) == 3)
    assert steps.pauses[1] >= 0.05


async def test_a_wake_up_ends_a_long_pause_at_once(run: Runs) -> None:
    steps = Steps(None)
    loop = run(steps)
    await eventually(lambda: len(steps.times) == 1)
    loop.wake()
    await eventually(lambda: len(steps.times) == 2, limit=1.0)


async def test_a_wake_up_during_a_step_is_not_lost(run: Runs) -> None:
    woken: list[int] = []
    found: list[Loop] = []

    async def step() -> float | None:
        woken.append(1)
        if len(woken) == 1:
            found[0].wake()
        return None

    found.append(run(step))
    await eventually(lambda: len(woken) == 2, limit=1.0)


@pytest.mark.parametrize("error", [TransientError("net"), DatabaseUnavailableError("locked"), ZeroDivisionError("odd")])
async def test_after_errors_the_pauses_grow_to_a_limit_and_start_anew(run: Runs, error: Exception) -> None:
    steps = Steps(*[error] * 5, 0.0, TransientError("flood", retry_after=0.3))
    loop = run(steps)
    await eventually(lambda: len(steps.times) == 7)
    assert loop._backoff == 0.02, "a success makes the next pause short again"
    await eventually(lambda: len(steps.times) == 8)
    expected = [0.02, 0.04, 0.08, 0.08, 0.08, 0.0, 0.02]
    assert all(pause >= least for pause, least in zip(steps.pauses, expected, strict=True))


async def test_while_it_backs_off_a_wake_up_does_not_cut_the_pause_short(run: Runs) -> None:
    steps = Steps(TransientError("net"), None)
    loop = run(steps)
    await eventually(lambda: len(steps.times) == 1)
    loop.wake()
    await eventually(lambda: len(steps.times) == 2)
    assert steps.pauses[0] >= 0.02


async def test_the_wait_that_was_asked_for_is_kept(run: Runs) -> None:
    steps = Steps(TransientError("flood", retry_after=0.15))
    run(steps)
    await eventually(lambda: len(steps.times) == 2)
    assert steps.pauses[0] >= 0.15


async def test_a_wrong_setting_ends_the_loop() -> None:
    with pytest.raises(ConfigurationError):
        await Loop("testing", Steps(ConfigurationError(["X: wrong"]))).run(asyncio.Event())


@pytest.mark.parametrize("result", [None, TransientError("flood", retry_after=3600)])
async def test_a_stop_ends_any_pause(result: Exception | None) -> None:
    stop = asyncio.Event()
    steps = Steps(result)
    task = asyncio.create_task(Loop("testing", steps).run(stop))
    await eventually(lambda: len(steps.times) == 1)
    stop.set()
    await asyncio.wait_for(task, 1)


async def test_waiting_for_any_event_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    await wait_any([asyncio.Event(), asyncio.Event()], 0.01)
    await eventually(lambda: asyncio.all_tasks() == before)


async def test_an_action_is_done_before_a_stop_or_cancelled_by_it() -> None:
    stop = asyncio.Event()

    async def quick() -> None:
        await asyncio.sleep(0)

    assert await done_before(stop, quick())
    hanging = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            hanging.set()

    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert not await done_before(stop, slow())
    assert hanging.is_set()


async def test_what_an_action_raises_before_the_stop_is_raised() -> None:
    async def fails() -> None:
        raise TransientError("away")

    with pytest.raises(TransientError):
        await done_before(asyncio.Event(), fails())


async def test_an_action_may_end_by_itself_within_the_grace() -> None:
    stop = asyncio.Event()
    stop.set()
    wound_up = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, wound_up.set)

    async def winds_up() -> None:
        await wound_up.wait()

    assert await done_before(stop, winds_up(), grace=5)
