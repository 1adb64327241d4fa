"""What helm tells after an install: commands about objects that are there."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from chart.rendering import (
    FIXED,
    HOOKED,
    KINDS,
    LEAST,
    NAMESPACE,
    OUTSIDE,
    RELEASE,
    SIMULATED,
    at,
    merged,
    notes,
    rendered,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_that_the_notes_name_is_there(kind: str):
    told, release = notes(KINDS[kind]), rendered(KINDS[kind])
    assert told.count(f"-n {NAMESPACE}") == told.count("helm test") + told.count("kubectl ")
    named = set(re.findall(rf"{RELEASE}-teltubby-[a-z0-9-]+", told))
    pods = {f"{name}-0" for name in release.names("StatefulSet")}
    assert named <= release.names() | pods
    assert set(re.findall(r" exec (\S+)", told)) <= pods
    assert {f"statefulset/{RELEASE}-teltubby-bot", f"deployment/{RELEASE}-teltubby-worker"} <= set(told.split())


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        (LEAST, "Users who may: 11111111.", "Telegram brings messages"),
        (HOOKED, "Telegram brings messages to https://bot.example.org/telegram.", "simulated"),
        (SIMULATED, "The Telegram is a simulated one", "Users who may"),
        (LEAST, "MinIO's console", "keepData=true"),
        (LEAST, "get teltubbyarchive/media-teltubby ", "simulated"),
        (merged(LEAST, FIXED), "MinIO's console", "teltubbyarchive"),
        (OUTSIDE, "Users who may: 11111111,22222222.", "MinIO"),
        (LEAST, "leaves the volumes and the Secrets", "simulated"),
        (merged(LEAST, at("keepData", False)), "helm test", "helm uninstall"),
        (
            merged(OUTSIDE, at("minio.enabled", True), at("s3.endpoint", "")),
            "the keys in the Secret my-s3:",
            "teltubby-s3",
        ),
    ],
)
def test_the_notes_tell_what_the_values_chose(values: Mapping[str, Any], said: str, unsaid: str):
    told = notes(values)
    assert said in told
    assert unsaid not in told
