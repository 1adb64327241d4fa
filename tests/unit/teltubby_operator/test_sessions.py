"""Which sessions are made, logged out and taken away, and which are whose."""

from datetime import UTC, datetime, timedelta

import pytest

from teltubby_core.domain.sessions import SessionNotes, SessionSight, SessionState
from teltubby_operator.archive import Archive, DeletionPolicy, Key, Queue, Sessions, Spec, Workers
from teltubby_operator.book import Book
from teltubby_operator.sessions import Slot, Task, upkeep

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=91), NOW - timedelta(days=89)
EMPTY = SessionNotes()


def ready(since: datetime = YOUNG) -> SessionNotes:
    return SessionNotes(state=SessionState.READY, logged_in_at=since)


def an_archive(
    name: str = "media", size: int = 2, prefix: str = "s-", rotate: int | None = None, delete: bool = False
) -> Archive:
    return Archive(
        key=Key(namespace="ns", name=name),
        uid=f"uid-{name}",
        generation=1,
        spec=Spec(
            deletion_policy=DeletionPolicy.DELETE if delete else DeletionPolicy.RETAIN,
            workers=Workers(deployment_name="worker"),
            queue=Queue(amqp_url="amqp://rabbit", management_url="http://rabbit", secret_name="broker"),
            sessions=Sessions(size=size, lease_prefix=prefix, rotate_after_days=rotate),
        ),
    )


def slot(notes=EMPTY, *, holder=None, mark=None, archive="media", owner=None) -> Slot:
    return Slot(SessionSight("x", notes, holder, mark is not None), archive, owner, mark)


def steps(archive: Archive, *slots: Slot, taken=()) -> list[tuple[Task, str]]:
    found = {f"s-{number}": each for number, each in enumerate(slots)}
    return [(step.task, step.name) for step in upkeep(archive, found, taken, NOW)]


@pytest.mark.parametrize(
    ("archive", "slots", "expected"),
    [
        (an_archive(), (), [(Task.MAKE, "s-0"), (Task.MAKE, "s-1")]),
        (an_archive(), (slot(),), [(Task.MAKE, "s-1")]),
        (an_archive(), (slot(), slot(ready(), holder="pod")), []),
        (an_archive(), (slot(archive=None), slot(archive="gone")), [(Task.ADOPT, "s-0"), (Task.ADOPT, "s-1")]),
        (an_archive(delete=True), (slot(), slot(owner="uid-media")), [(Task.ADOPT, "s-0")]),
        (an_archive(), (slot(owner="uid-media"), slot()), [(Task.ADOPT, "s-0")]),
        # fewer
        (an_archive(size=1), (slot(), slot(ready(), holder="pod")), [(Task.SHRINK, "s-1")]),
        (an_archive(size=1), (slot(), slot(ready(), holder="pod", mark="shrink")), []),
        (an_archive(size=1), (slot(), slot(ready(), mark="shrink")), []),
        (an_archive(size=1), (slot(), slot(holder="pod", mark="shrink")), []),
        (an_archive(size=1), (slot(), slot(mark="shrink")), [(Task.REMOVE, "s-1")]),
        (an_archive(size=1), (slot(), slot(archive="other")), []),
        (an_archive(size=1), (slot(), slot(archive=None)), []),
        (an_archive(), (slot(), slot(ready(), mark="shrink")), [(Task.REINSTATE, "s-1")]),
        # old ones, one by one
        (an_archive(rotate=90), (slot(ready()), slot(ready(OLD))), [(Task.ROTATE, "s-1")]),
        (an_archive(rotate=90), (slot(ready(OLD)), slot(ready(OLD - timedelta(1)))), [(Task.ROTATE, "s-1")]),
        (an_archive(rotate=90), (slot(ready(OLD)), slot(ready(OLD), mark="rotate")), []),
        (an_archive(rotate=90), (slot(ready(OLD)), slot(mark="rotate")), [(Task.REINSTATE, "s-1")]),
        (an_archive(rotate=90), (slot(ready()), slot(holder="pod", mark="rotate")), []),
        (an_archive(rotate=90), (slot(SessionNotes(state=SessionState.READY)), slot()), []),
        (an_archive(), (slot(ready(OLD)), slot(ready(OLD))), []),
        (an_archive(), (slot(ready(OLD)), slot(ready(OLD), mark="rotate")), [(Task.REINSTATE, "s-1")]),
        # what people marked is theirs to take back
        (an_archive(rotate=90), (slot(ready(OLD), mark="true"), slot(mark="true")), []),
    ],
)
def test_what_is_to_be_done(archive, slots, expected):
    assert steps(archive, *slots) == expected


def test_sessions_of_another_archive_are_left_alone():
    assert steps(an_archive(), taken={"s-0"}) == [(Task.MAKE, "s-1")]


def test_a_lease_tells_whose_it_is_and_why_it_retires():
    lease = {
        "metadata": {
            "name": "s-0",
            "labels": {"teltubby.io/archive": "media"},
            "annotations": {"teltubby.io/retire": "rotate", "teltubby.io/session-state": "ready"},
            "ownerReferences": [{"kind": "Pod", "uid": "1"}, {"kind": "TeltubbyArchive", "uid": "2"}],
        },
        "spec": {"holderIdentity": "pod/uid/process"},
    }
    found = Slot.read(lease)
    assert (found.archive, found.owner, found.mark) == ("media", "2", "rotate")
    assert (found.sight.holder, found.sight.retiring, found.to_log_out, found.coming_back) == ("pod", True, True, True)
    assert Slot.read({"metadata": {"name": "s-0"}}) == Slot(SessionSight("s-0", EMPTY))


def a_book(*archives: Archive, **slots: Slot) -> Book:
    book = Book()
    for archive in archives:
        book.archive(archive.key, archive)
    for name, each in slots.items():
        book.session(Key(namespace="ns", name=name.replace("_", "-")), each)
    return book


def test_each_archive_has_its_own_sessions_whatever_their_prefixes_end_in():
    one, other = an_archive("one", prefix="s-", size=2), an_archive("other", prefix="s-1", size=2)
    book = a_book(one, other, s_0=slot(archive="one"), s_1=slot(archive=None), s_10=slot(archive="other"))
    assert set(book.slots_of(one)) == {"s-0", "s-1"}
    assert set(book.slots_of(other)) == {"s-10"}


def test_of_two_archives_with_one_prefix_the_first_has_the_sessions():
    one, other = an_archive("one"), an_archive("other")
    book = a_book(one, other, s_0=slot(archive="one"), s_1=slot(archive="gone"))
    assert set(book.slots_of(one)) == {"s-0", "s-1"}
    assert set(book.slots_of(other)) == {"s-1"}
    assert book.taken(other) == {"s-0": "one"}
    assert book.taken(one) == {}


def test_an_archive_hears_of_its_sessions_only():
    one, other = an_archive("one", prefix="a-"), an_archive("other", prefix="b-")
    book = a_book(one, other)
    told: list[Key | None] = []
    book.changed = told.append
    key = Key(namespace="ns", name="a-0")
    book.session(key, slot())
    book.session(key, slot(SessionNotes(used_at=NOW)))  # of no concern to a decision
    book.session(key, slot(ready()))
    book.session(Key(namespace="elsewhere", name="a-0"), slot())
    book.session(key, None)
    assert told == [one.key, one.key, one.key]


def test_of_an_archive_that_is_gone_the_logins_are_known():
    archive = an_archive()
    book = a_book(archive, s_0=slot(ready()), s_1=slot())
    book.archive(archive.key, None)
    assert book.departed[archive.key].logged_in == ("s-0",)
    assert book.archives == {}


def test_an_archive_made_anew_is_another_one():
    archive = an_archive()
    book = a_book(archive, s_0=slot(ready()))
    book.archive(archive.key, replaced := archive.model_copy(update={"uid": "another"}))
    assert book.departed[archive.key].archive is archive
    assert book.archives[archive.key] is replaced


def test_an_autoscaler_concerns_the_archive_of_the_same_workers():
    archive = an_archive()
    book = a_book(archive)
    told: list[Key | None] = []
    book.changed = told.append
    scaler, workers = Key(namespace="ns", name="hpa"), Key(namespace="ns", name="worker")
    book.autoscaler(scaler, workers)
    assert book.autoscaler_of(archive) == "hpa"
    book.autoscaler(scaler, Key(namespace="ns", name="elsewhere"))
    assert book.autoscaler_of(archive) is None
    book.autoscaler(scaler, None)
    assert told == [archive.key, archive.key]
