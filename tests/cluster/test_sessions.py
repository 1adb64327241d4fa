"""Many workers, each with a login of its own, replaced under load: none is ever used twice, none is made anew."""

import base64
from collections.abc import Iterator

import pytest

from cluster.release import Release
from cluster.traffic import Traffic
from testbed.processes import wait_for

COUNT = 4
LOGIN = "auth.importBotAuthorization"
ROUNDS = 3


@pytest.fixture
def four(release: Release) -> Iterator[Release]:
    before = dict(release.values["worker"])
    release.upgrade(worker={"replicas": COUNT, "sessions": {"size": COUNT}})
    yield release
    release.upgrade(worker={"replicas": 1, "sessions": {"size": 2}})
    release.values["worker"] = before
    release.until_ready("worker")


def roll(release: Release) -> None:
    release.kubectl("rollout", "restart", "deployment/teltubby-worker")
    release.kubectl("rollout", "status", "deployment/teltubby-worker", "--timeout=5m", limit=310)


@pytest.mark.timeout(900)
def test_workers_are_replaced_under_load_and_no_login_is_used_twice_or_made_anew(four: Release):
    traffic = Traffic(four)
    traffic.world.set_conditions("mtproto", account_bandwidth=20_000_000)
    traffic.large(2 * COUNT)
    traffic.until_ended()
    at_first = len(traffic.world.calls(LOGIN))
    for _ in range(ROUNDS):
        traffic.large(COUNT)
        traffic.until_moving()
        roll(four)
    traffic.assert_all_archived()
    calls = traffic.world.calls()
    assert [call for call in calls if "AUTH_KEY_DUPLICATED" in call["outcome"]] == []
    assert len(traffic.world.calls(LOGIN)) <= max(at_first, COUNT)


@pytest.mark.timeout(300)
def test_logins_lie_encrypted_in_their_secrets_and_leases_say_who_has_them(release: Release):
    traffic = Traffic(release)
    traffic.large(1)
    traffic.until_ended()
    held = [release.get("lease", f"teltubby-session-{number}")["spec"].get("holderIdentity", "") for number in range(2)]
    workers = [pod["metadata"]["name"] for pod in release.pods("worker")]
    assert any(identity.partition("/")[0] in workers for identity in held if identity)
    contents = [release.secret(f"session-{number}").get("session", "") for number in range(2)]
    assert any(contents)
    for content in filter(None, contents):
        assert base64.urlsafe_b64decode(content)[0] == 0x80, "Fernet's version"
    release.kubectl("delete", "pod", "--selector=app.kubernetes.io/component=worker", "--wait=true", limit=120)
    wait_for(lambda: release.ready("worker"), 180, "another worker")
