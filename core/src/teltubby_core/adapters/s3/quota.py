"""The limit that MinIO's admin API sets a bucket (``mc quota set``). Other servers have none to tell."""

import json
import logging
from urllib.parse import urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from teltubby_core.adapters.s3.client import new_session
from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.errors import StorageUnavailableError

log = logging.getLogger(__name__)

_PATH = "/minio/admin/v3/get-bucket-quota"
_LONGEST_ANSWER = 64 * 1024


def quota_bytes(options: S3Options) -> int | None:
    """Ask for the bucket's quota; None when it has none, or the server does not tell. Blocks.

    Raises:
        BotoCoreError: nobody answers.
        StorageUnavailableError: the server is out of order.
    """
    credentials = new_session(options).get_credentials()
    if options.endpoint is None or credentials is None:
        return None
    address = f"{options.endpoint}{_PATH}?{urlencode({'bucket': options.bucket})}"
    request = AWSRequest(method="GET", url=address)
    S3SigV4Auth(credentials.get_frozen_credentials(), "s3", options.region).add_auth(request)
    session = URLLib3Session(
        verify=options.verify,  # type: ignore[arg-type]  # the stubs forget files
        timeout=(options.connect_timeout, options.io_timeout),  # type: ignore[arg-type]  # and pairs
    )
    try:
        answer = session.send(request.prepare())
        if answer.status_code >= 500:
            raise StorageUnavailableError(f"{options.place} does not tell the quota: status {answer.status_code}")
        if answer.status_code != 200:
            log.debug("no bucket quota from %s: status %s", options.place, answer.status_code)
            return None
        return _read(answer.content)
    finally:
        session.close()


def _read(body: bytes) -> int | None:
    try:
        told = json.loads(body[:_LONGEST_ANSWER])
    except ValueError:
        return None
    quota = (told.get("size") or told.get("quota")) if isinstance(told, dict) else None  # the older name is quota
    return quota if isinstance(quota, int) and quota > 0 else None
