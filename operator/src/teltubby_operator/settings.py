"""The operator's settings. All that concerns an archive is in its TeltubbyArchive."""

import os
import socket
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from teltubby_core.settings import GivenFilePath, HealthSettings, LogSettings


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class OperatorSettings(HealthSettings, LogSettings):
    """What ``python -m teltubby_operator`` reads."""

    operator_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="namespaces whose archives it serves, comma-separated; without it all"
    )
    operator_lease_name: str = Field(
        default="teltubby-operator", min_length=1, max_length=253, description="Lease by which one of several leads"
    )
    operator_lease_namespace: str | None = Field(
        default=None, min_length=1, description="its namespace; without it the one that the operator runs in"
    )
    operator_name: str = Field(
        default_factory=_own_name, min_length=1, max_length=200, description="who we are in that Lease"
    )

    rabbitmq_ca_file: GivenFilePath | None = Field(
        default=None, description="PEM file with authorities to trust for brokers, beside the system's"
    )

    @field_validator("operator_namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
