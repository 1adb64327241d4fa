"""A TeltubbyArchive as it was read. The API server has checked it and filled in the defaults."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from teltubby_core.domain.sessions import SessionKind

log = logging.getLogger(__name__)

GROUP, VERSION, PLURAL, KIND = "teltubby.io", "v1alpha1", "teltubbyarchives", "TeltubbyArchive"


class DeletionPolicy(StrEnum):
    """What becomes of an archive's sessions when it is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)


class Workers(_Part):
    """Which workers, and how many of them; ``replicas`` fixes the number by hand."""

    deployment_name: str
    min: int = 0
    max: int = 1
    replicas: int | None = None


class Scaling(_Part):
    """How their number follows the backlog."""

    jobs_per_worker: int = 2
    poll_seconds: int = 5
    scale_down_stabilization_seconds: int = 120
    cooldown_seconds: int = 300
    fallback_replicas: int = 1


class SecretKeys(_Part):
    """Where in a Secret the broker's user and password are."""

    username: str = "RABBITMQ_USERNAME"
    password: str = "RABBITMQ_PASSWORD"  # noqa: S105  # a key's name


class Queue(_Part):
    """Where the backlog is."""

    name: str = "teltubby.large_files"
    events_exchange: str = "teltubby.events"
    vhost: str = "/"
    amqp_url: str
    management_url: str
    secret_name: str
    secret_keys: SecretKeys = SecretKeys()


class Sessions(_Part):
    """Logins that the workers share."""

    kind: SessionKind = SessionKind.BOT
    size: int
    lease_prefix: str
    rotate_after_days: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of their Leases."""
        return tuple(f"{self.lease_prefix}{number}" for number in range(self.size))


class Spec(_Part):
    """What somebody wants."""

    paused: bool = False
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    workers: Workers
    scaling: Scaling = Scaling()
    queue: Queue
    sessions: Sessions


class Key(BaseModel):
    """Namespace and name of an object."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Archive(_Part):
    """One archive; ``status`` as it was when it was read."""

    key: Key
    uid: str
    generation: int
    spec: Spec
    status: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def owner(self) -> str | None:
        """The uid of what its sessions go with: its own, or nothing's when they are to stay."""
        return self.uid if self.spec.deletion_policy is DeletionPolicy.DELETE else None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Archive":
        """Read it. Raises pydantic's ValidationError for what another version of the schema let through."""
        metadata = body["metadata"]
        return cls(
            key=Key(namespace=metadata["namespace"], name=metadata["name"]),
            uid=metadata["uid"],
            generation=metadata["generation"],
            spec=Spec.model_validate(body["spec"]),
            status=dict(body.get("status") or {}),
        )


def readable(body: Mapping[str, Any]) -> Archive | None:
    """Return the archive; None, told in the log, for what another version of the schema let through."""
    try:
        return Archive.read(body)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        name = f"{body['metadata']['namespace']}/{body['metadata']['name']}"
        log.error("TeltubbyArchive %s can't be read (%s); bring its CRD and this operator to one version", name, wrong)
        return None
