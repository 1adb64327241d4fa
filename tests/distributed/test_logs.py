"""What bot and workers write and show: one message can be followed through all of it, and no secret is in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from distributed.acts import SMALL_LIMIT, answer
from distributed.stage import DistributedStage
from teltubby_core.domain.media import MediaKind
from testbed.rabbitmq import RabbitMq

USER, PASSWORD = "archive", "correct-horse/battery+staple"
WORD = "Zebrafink"
"""Stands in every caption; as a word of a key it is in lower case."""
PAGES = ("/healthz", "/readyz", "/status", "/metrics")


@pytest.fixture(scope="module")
def broker_with_password(own_rabbitmq: RabbitMq) -> RabbitMq:
    """A broker whose password is none that everybody knows."""
    own_rabbitmq.control("add_user", USER, PASSWORD)
    own_rabbitmq.control("set_permissions", USER, ".*", ".*", ".*")
    return own_rabbitmq


async def play(stage: DistributedStage) -> None:
    """Send a bit of everything, with captions; one file is gone when its worker comes for it."""
    world, cast = stage.world, stage.cast
    kept = [
        cast.sends(stage.photo(b"p"), f"{WORD} eins"),
        cast.sends(stage.document("large", 3 * SMALL_LIMIT, "film.mkv"), f"zwei {WORD}"),
        *cast.sends_album([(stage.photo(b"1"), f"{WORD}"), (stage.document("2", 3 * SMALL_LIMIT), f"auch {WORD}")]),
    ]
    world.edit(kept[0], caption=f"{WORD} doch drei")
    await stage.until_ended(*kept)
    await stage.until_ended(cast.sends(kept[1].media, f"noch einmal {WORD}"))  # type: ignore[arg-type]
    stage.world.faults.mtproto.latency = 0.5
    gone = cast.sends(stage.document("gone", 3 * SMALL_LIMIT), f"vier {WORD}")
    world.delete(gone)
    await stage.until(lambda: stage.state_of(gone) == "FAILED", what="the failure")
    world.send(cast.stranger, cast.bot, media=stage.photo(b"s"), caption=f"{WORD} fremd")
    for text in ("/status", "/queue", "/jobs", f"/cancel {WORD}"):
        await answer(stage, text)


async def everything(stage: DistributedStage) -> Mapping[str, str]:
    """Return all that can be read of the services, by where it stands."""
    found = {}
    for service in stage.services.values():
        found[f"{service.name}'s log"] = service.log()
        found[f"{service.name}'s log file"] = (stage.folder / f"{service.name}.txt").read_text("utf-8")
        for page in PAGES:
            status, text = await service.page(page)
            assert status == 200, page
            found[f"{service.name}'s {page}"] = text
    for number, letter in enumerate(await stage.broker.dead_letters()):
        found[f"dead letter {number}'s reason"] = letter.reason + letter.headers
        found[f"dead letter {number}"] = without_what_the_job_is_about(letter.body)
    return found


def without_what_the_job_is_about(body: bytes) -> str:
    """A job carries its caption, and its key words of it: without them it could not be replayed."""
    job = json.loads(body)
    for name in ("telegram_context", "key", "base_path", "message_json_key"):
        job.pop(name, None)
    return json.dumps(job)


def leaks(texts: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """Return which secret stands where."""
    return [
        f"{name} in {where}"
        for where, text in texts.items()
        for name, secret in secrets.items()
        if secret.lower() in text.lower()
    ]


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_secret_and_no_caption_is_in_logs_pages_or_dead_letters(
    stage: DistributedStage, broker_with_password: RabbitMq, log_format: str
):
    stage.settings |= {"LOG_FORMAT": log_format, "LOG_LEVEL": "DEBUG", "BOT_API_MAX_FILE_SIZE_BYTES": str(SMALL_LIMIT)}
    address = broker_with_password.address
    stage.settings |= {"RABBITMQ_PORT": str(address.port)}
    stage.settings |= {"RABBITMQ_USERNAME": USER, "RABBITMQ_PASSWORD": PASSWORD}
    stage.broker = stage.broker.elsewhere(address)
    stage.own = {name: {"LOG_FILE": str(stage.folder / f"{name}.txt")} for name in ("bot", "worker-0")}
    await stage.start()
    await play(stage)

    token = stage.settings["TELEGRAM_BOT_TOKEN"]
    secrets = {
        "the token": token.partition(":")[2],
        "S3's secret": stage.settings["S3_SECRET_ACCESS_KEY"],
        "the broker's password": PASSWORD,
        "the API hash": stage.settings["MTPROTO_API_HASH"],
        "a caption": WORD,
    }
    texts = await everything(stage)
    assert len(texts) == 2 * (2 + len(PAGES)) + 2
    assert leaks(texts, secrets) == []

    with stage.bot.logs[-1].open("a", encoding="utf-8") as log:
        log.write(f"\n{token}\n")
    await stage.broker.send_dead(json.dumps({"token": token}).encode())
    assert leaks(await everything(stage), secrets) == ["the token in bot's log", "the token in dead letter 1"]


def lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line:
            yield json.loads(line)


def story(stage: DistributedStage, correlation_id: str) -> list[str]:
    """Return what all services say of one message, in order of time: the service and its words."""
    found = [
        (line["time"], line["service"], line["message"])
        for service in stage.services.values()
        for line in lines(service.log())
        if line.get("correlation_id") == correlation_id
    ]
    return [f"{service}: {message}" for _, service, message in sorted(found)]


async def test_one_correlation_id_leads_from_the_update_to_the_object_through_all_services(stage: DistributedStage):
    stage.settings |= {"LOG_FORMAT": "json", "BOT_API_MAX_FILE_SIZE_BYTES": str(SMALL_LIMIT)}
    await stage.start()
    small, large = stage.cast.sends(stage.photo(b"p")), stage.cast.sends(stage.document("large", 3 * SMALL_LIMIT))
    await stage.until_ended(small, large)
    assert await stage.stop() == 0

    updates = stage.rows("SELECT update_id FROM inbox ORDER BY update_id")
    of_small, of_large = (f"u{update_id}" for (update_id,) in updates)
    steps = [
        f"bot: {of_small}: {MediaKind.PHOTO}",
        f"bot: {of_small}: stored teltubby/",
    ]
    assert_told(story(stage, of_small), steps)
    (metadata,) = stage.bucket.documents("metadata.json")
    job_id = stage.job_of(large)
    assert (metadata["correlation_id"], metadata["job_id"]) == (of_large, job_id)
    steps = [
        f"bot: {of_large}: {MediaKind.DOCUMENT}",
        f"bot: {of_large}: queued as job {job_id}",
        f"bot: {of_large}: job {job_id} published",
        f"worker: {of_large}: job {job_id}: stored {3 * SMALL_LIMIT} bytes",
        f"bot: {of_large}: job {job_id}: job.completed",
    ]
    assert_told(story(stage, of_large), steps)


def assert_told(told: list[str], steps: list[str]) -> None:
    """The steps are told in this order, other lines between them aside."""
    rest = iter(told)
    for step in steps:
        assert any(line.startswith(step) for line in rest), f"{step} is missing, or out of order, in {told}"
