"""How often archives are looked at and brokers are asked: what changes is, what rests is not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from support import eventually
from teltubby_core.errors import TransientError
from teltubby_operator import __main__ as program
from teltubby_operator import operating, sites
from teltubby_operator.archive import Archive, Key, Queue, Scaling, Sessions, Spec, Workers
from teltubby_operator.book import Book
from teltubby_operator.book import Workers as Deployment
from teltubby_operator.broker import Access
from teltubby_operator.measures import Measures
from teltubby_operator.operating import Operator
from teltubby_operator.scaling import Backlog
from teltubby_operator.sites import Site
from teltubby_operator.watching import Pulse


def an_archive(name: str, queue: str | None = None) -> Archive:
    return Archive(
        key=Key(namespace="ns", name=name),
        uid=f"uid-{name}",
        generation=1,
        spec=Spec(
            workers=Workers(deployment_name=name, max=8),
            scaling=Scaling(poll_seconds=1, cooldown_seconds=0, scale_down_stabilization_seconds=0),
            # nobody listens there: news come by hand
            queue=Queue(
                name=queue or name, amqp_url="amqp://127.0.0.1:1", management_url="http://127.0.0.1:1", secret_name="s"
            ),
            sessions=Sessions(size=8, lease_prefix=f"{name}-session-"),
        ),
    )


class FakeManagement:
    """A broker whose queues hold what ``backlogs_now`` says, none where it says nothing."""

    def __init__(self) -> None:
        self.tls = ssl.create_default_context()
        self.asked = 0
        self.now: dict[str, Backlog] = {}

    async def backlogs(self, _: Access) -> dict[str, Backlog | None]:
        self.asked += 1
        return dict(self.now)


class FakeCluster:
    """Takes what is written."""

    def __init__(self) -> None:
        self.scaled: list[tuple[str, int]] = []
        self.statuses = 0

    async def credentials(self, *_: Any) -> tuple[str, str]:
        return "user", "password"

    async def scale(self, _: str, name: str, replicas: int) -> None:
        self.scaled.append((name, replicas))

    async def mark_busy(self, *_: Any) -> None:
        return

    async def write_status(self, *_: Any) -> bool:
        self.statuses += 1
        return True

    async def tell(self, *_: Any, **__: Any) -> None:
        return


class FakeKeeper:
    """Has nothing to do; counts how often archives are looked at."""

    def __init__(self) -> None:
        self.looked = 0

    async def keep(self, _: Archive) -> None:
        self.looked += 1

    async def leave(self, _: Any) -> None:
        return


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[None]:
    site.start()
    try:
        yield
    finally:
        await site.stop()


def a_site(management: Any, evaluated: list[Key]) -> Site:
    return Site(Access("amqp://127.0.0.1:1", "http://127.0.0.1:1", "/", "u", "p"), management, evaluated.append)


async def test_an_archive_that_comes_between_two_polls_is_looked_at_alone() -> None:
    management, evaluated = FakeManagement(), list[Key]()
    one, other = an_archive("one"), an_archive("other")
    management.now = {"one": Backlog(0, 0), "other": Backlog(3, 0)}
    site = a_site(management, evaluated)
    slow = one.model_copy(update={"spec": one.spec.model_copy(update={"scaling": Scaling(poll_seconds=300)})})
    late = other.model_copy(update={"spec": other.spec.model_copy(update={"scaling": Scaling(poll_seconds=300)})})
    site.serve({slow.key: slow})
    async with running(site):
        await eventually(lambda: evaluated == [slow.key])
        site.serve({slow.key: slow, late.key: late})
        await eventually(lambda: evaluated == [slow.key, late.key])
        assert management.asked == 2
        assert site.reading(late.key).backlog == Backlog(3, 0)


async def test_another_queue_of_an_archive_is_asked_for_at_once_and_the_old_number_forgotten() -> None:
    management, evaluated = FakeManagement(), list[Key]()
    management.now = {"one": Backlog(5, 0)}
    archive = an_archive("one")
    slow = archive.spec.model_copy(update={"scaling": Scaling(poll_seconds=300)})
    site = a_site(management, evaluated)
    site.serve({archive.key: archive.model_copy(update={"spec": slow})})
    async with running(site):
        await eventually(lambda: site.reading(archive.key).backlog == Backlog(5, 0))
        changed = slow.model_copy(update={"queue": slow.queue.model_copy(update={"name": "another"})})
        site.serve({archive.key: archive.model_copy(update={"spec": changed})})
        assert site.reading(archive.key).backlog is None
        await eventually(lambda: management.asked == 2)


async def test_of_many_queues_that_news_concern_the_broker_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "_ALL_EVERY", 0.0)
    management, evaluated = FakeManagement(), list[Key]()
    archives = [an_archive(f"a{number}") for number in range(sites._MOST_SINGLY + 1)]
    patient = [
        each.model_copy(update={"spec": each.spec.model_copy(update={"scaling": Scaling(poll_seconds=300)})})
        for each in archives
    ]
    management.now = {each.key.name: Backlog(0, 0) for each in archives}
    site = a_site(management, evaluated)
    site.serve({each.key: each for each in patient})
    async with running(site):
        await eventually(lambda: len(evaluated) == len(archives))
        evaluated.clear()
        management.now["a3"] = Backlog(4, 0)
        site._heard("teltubby.events")
        await eventually(lambda: evaluated == [archives[3].key])
        assert management.asked == 2


@asynccontextmanager
async def operating_on(book: Book, management: FakeManagement, cluster: Any, keeper: Any) -> AsyncIterator[Operator]:
    operator = Operator(book, cluster, keeper, management, Measures(CollectorRegistry()))  # type: ignore[arg-type]
    task = asyncio.create_task(operator.run())
    try:
        yield operator
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_archive_at_rest_is_left_alone_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    book, management, cluster, keeper = Book(), FakeManagement(), FakeCluster(), FakeKeeper()
    archive = an_archive("one")
    workers = Key(namespace="ns", name="one")
    management.now = {"one": Backlog(0, 0)}
    async with operating_on(book, management, cluster, keeper):
        book.deployment(workers, Deployment(0, 0, {}))
        book.archive(archive.key, archive)
        await eventually(lambda: management.asked >= 2)
        looked = keeper.looked
        await eventually(lambda: management.asked >= 4, 10)
        assert keeper.looked == looked
        book.deployment(workers, Deployment(3, 0, {}))  # somebody's change
        await eventually(lambda: cluster.scaled == [("one", 0)])
        monkeypatch.setattr(operating, "_REST_SECONDS", 0.0)
        book.deployment(workers, Deployment(0, 1, {}))
        looked = keeper.looked
        await eventually(lambda: keeper.looked >= looked + 3, 10)


async def test_a_watch_that_brings_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_DEAD_SILENCE", 0.2)
    pulse = Pulse()
    assert pulse.silent_for == 0.0
    pulse.felt()
    assert pulse.silent_for == 0.0, "nobody expects anything yet"
    feeling = asyncio.create_task(program._feel(pulse, (), "ns"))
    for _ in range(10):
        await eventually(lambda: pulse.silent_for > 0.05)
        assert not feeling.done()
        pulse.felt()
        assert pulse.silent_for < 0.05
    await asyncio.wait_for(feeling, 5)


async def test_what_can_not_be_seen_at_first_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_PAUSES", (0.0, 0.0))
    tries = []

    class Ports:
        cluster: Any

    class Cluster:
        async def fill(self, *_: Any) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise TransientError("the Kubernetes API answers 429")

    ports = Ports()
    ports.cluster = Cluster()
    await program._fill(ports, Book(), ())  # type: ignore[arg-type]
    assert len(tries) == 3
