"""boto3's client, set up. Opens no connection."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session as BotocoreSession

from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_LOADER = create_loader()
"""Keeps boto3's description of S3, which takes a tenth of a second to read, for further clients."""


def new_client(options: S3Options, connections: int) -> "S3Client":
    """Make a client that threads may share; it reads files, so not in the event loop's thread.

    Raises:
        ConfigurationError: the endpoint is none.
        BotoCoreError: the AWS configuration that the surroundings give can't be used.
    """
    try:
        return new_session(options).client(
            "s3", endpoint_url=options.endpoint, verify=options.verify, config=_config(options, connections)
        )
    except ValueError:  # botocore is stricter about host names than the setting: no underscores
        raise ConfigurationError([f"S3_ENDPOINT: boto3 takes no such host name: {options.endpoint}"]) from None


def new_session(options: S3Options) -> boto3.session.Session:
    """Make what knows our credentials, or finds them in the surroundings.

    Raises:
        BotoCoreError: the AWS configuration that the surroundings give can't be used.
    """
    bare = BotocoreSession()
    bare.register_component("data_loader", _LOADER)
    return boto3.session.Session(
        botocore_session=bare,
        aws_access_key_id=options.access_key_id,
        aws_secret_access_key=options.secret_access_key,
        region_name=options.region,
    )


def _config(options: S3Options, connections: int) -> Config:
    return Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.io_timeout,
        max_pool_connections=connections,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 1},  # calls.py tries again: it can be told to stop
        s3={"addressing_style": "path" if options.path_style else "virtual"},
        request_checksum_calculation="when_supported",
        response_checksum_validation="when_supported",
    )
