"""A session that somebody marks is logged out by whoever has it, and its slot stays empty."""

import pytest

from integration.harness import MIB
from sessions.stage import LOGIN, SessionStage


@pytest.mark.timeout(240)
async def test_a_marked_session_is_logged_out_and_the_work_goes_on_with_another_one(stage: SessionStage) -> None:
    stage.worker_count = 1
    await stage.start()
    sent = [stage.cast.sends(stage.document("before", 21 * MIB))]
    await stage.until_ended(*sent)
    (held,) = stage.holders()
    status, metrics = await stage.service("worker-0").page("/metrics")
    assert status == 200
    assert f'teltubby_sessions{{session="{held}",state="ready"}} 1.0' in metrics
    assert f'teltubby_session_kind{{kind="bot",session="{held}"}} 1.0' in metrics
    assert f'teltubby_session_data_centre{{session="{held}"}} 2.0' in metrics

    mark = ("annotate", "lease", held, "teltubby.io/retire=true")
    stage.slots.plane.kubectl("--namespace", stage.slots.namespace, *mark)
    await stage.until(lambda: held not in stage.slots.contents(), what="the login removed")
    assert stage.world.logins.of(stage.cast.bot) == []
    assert [call.outcome for call in stage.calls("auth.logOut")] == ["ok"]

    sent.append(stage.cast.sends(stage.document("after", 21 * MIB)))
    await stage.until_ended(*sent)
    stage.assert_well(sent, jobs=2)
    assert held not in stage.holders()
    assert held not in stage.slots.contents()
    assert len(stage.calls(LOGIN)) == 2
    annotations = stage.slots.lease(held)["metadata"]["annotations"]
    assert annotations["teltubby.io/session-state"] == "empty"
