"""How ``teltubby run`` shows from outside that it lives and what it has done."""

import asyncio
import json
import re
import urllib.error
import urllib.request
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from integration.harness import MIB, Stage
from support import eventually


def page(stage: Stage, path: str) -> tuple[int, str]:
    """GET a page of its health server, whose address the log tells."""
    (address,) = re.findall(r"health and metrics at (http://\S+)", stage.log())[-1:]
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def shown(stage: Stage, path: str) -> tuple[int, Any]:
    status, body = await asyncio.to_thread(page, stage, path)
    return status, json.loads(body)


async def samples(stage: Stage) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of /metrics by its name and the values of its labels."""
    _, body = await asyncio.to_thread(page, stage, "/metrics")
    found = [sample for family in text_string_to_metric_families(body) for sample in family.samples]
    return {(each.name, tuple(value for _, value in sorted(each.labels.items()))): each.value for each in found}


async def test_it_is_alive_and_ready_and_counts_what_it_does(stage: Stage):
    stage.settings["S3_BUCKET_QUOTA_BYTES"] = str(1000 * MIB)
    await stage.start()
    world, cast = stage.world, stage.cast
    small = stage.document("small", MIB)
    first = cast.sends(small)
    await stage.until_ended(first)
    sent = [cast.sends(small), cast.sends(stage.document("large", 25 * MIB))]
    world.send(cast.stranger, cast.bot, media=small)
    hello = world.send(cast.curator, cast.bot, text="hello")
    await stage.until_ended(*sent)
    await stage.until(lambda: stage.said_to(hello), what="the hint")

    assert (await shown(stage, "/healthz"))[0] == 200
    await stage.until(lambda: page(stage, "/readyz")[0] == 200, what="/readyz")
    _, ready = await shown(stage, "/readyz")
    assert set(ready["dependencies"]) == {"telegram", "database", "object_store"}
    _, report = await shown(stage, "/status")
    assert report["run"]["files"]["stored"] == 2
    assert report["run"]["quota_bytes"] == 1000 * MIB
    assert stage.settings["TELEGRAM_BOT_TOKEN"] not in json.dumps(report)

    counted = await samples(stage)
    expected = {
        ("teltubby_messages_ingested_total", ()): 3,
        ("teltubby_bytes_ingested_total", ("bot_api",)): MIB,
        ("teltubby_bytes_ingested_total", ("mtproto",)): 25 * MIB,
        ("teltubby_dedup_hits_total", ("file_unique_id",)): 1,
        ("teltubby_skips_total", ("not_a_file",)): 1,
        ("teltubby_jobs_published_total", ()): 1,
        ("teltubby_jobs_completed_total", ()): 1,
        ("teltubby_security_events_total", ("stranger",)): 1,
        ("teltubby_sessions", ("bot-0", "ready")): 1,
        ("teltubby_dependency_up", ("telegram",)): 1,
    }
    assert {key: counted.get(key) for key in expected} == expected
    assert counted["teltubby_processing_seconds_count", ("mtproto",)] == 1

    async def quota_is_shown() -> bool:
        ratio = (await samples(stage)).get(("teltubby_quota_ratio", ()))
        return ratio is not None and abs(ratio - 0.026) < 0.001

    await eventually(quota_is_shown, 60)  # read every ten seconds
    assert await stage.stop() == 0


async def test_it_says_which_dependency_is_away(stage: Stage):
    await stage.start()
    await stage.simulator.stop()

    def not_ready() -> bool:
        status, body = page(stage, "/readyz")
        return status == 503 and json.loads(body)["dependencies"]["telegram"]["state"] == "down"

    await stage.until(not_ready, what="/readyz to name Telegram")
    assert (await shown(stage, "/healthz"))[0] == 200, "it lives, and waits"
    await stage.simulator.start()
    await stage.until(lambda: page(stage, "/readyz")[0] == 200, what="/readyz to be well again")


async def test_a_taken_port_stops_the_start_by_name(stage: Stage):
    await stage.start()
    (port,) = re.findall(r"health and metrics at http://127.0.0.1:(\d+)", stage.log())
    first = stage.process
    stage.settings |= {"HEALTH_PORT": port, "SQLITE_PATH": str(stage.folder / "other" / "other.db")}
    stage.settings["ARCHIVE_DIR"] = str(stage.folder / "other-archive")
    await stage.launch()
    assert stage.process is not None
    assert await asyncio.wait_for(stage.process.wait(), 60) == 2
    assert f"teltubby: HEALTH_PORT: {port} at 127.0.0.1 is in use by another program" in stage.log()
    stage.process = first
