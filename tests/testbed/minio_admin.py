"""What only MinIO's administrator can do: users with other rights, quotas of buckets. By its admin API, version 3."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from testbed.buckets import REGION
from testbed.minio import S3Address
from testbed.processes import TestbedError

_PBKDF2_AESGCM = b"\x02"
_ROUNDS = 8192


def add_user(address: S3Address, actions: Sequence[str]) -> S3Address:
    """Make a user who may do no more than ``actions``, like ``s3:GetObject``, in all buckets; return it as address."""
    name, secret = f"user-{secrets.token_hex(4)}", secrets.token_hex(20)
    told = json.dumps({"secretKey": secret, "status": "enabled"}).encode()
    _put(address, "add-user", {"accessKey": name}, _sealed(address.secret_access_key, told))
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["arn:aws:s3:::*"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    _put(address, "add-canned-policy", {"name": name}, policy)
    _put(address, "set-user-or-group-policy", {"policyName": name, "userOrGroup": name, "isGroup": "false"}, b"")
    return replace(address, access_key_id=name, secret_access_key=secret)


def set_quota(address: S3Address, bucket: str, size: int) -> None:
    """Limit a bucket to so many bytes."""
    _put(address, "set-bucket-quota", {"bucket": bucket}, json.dumps({"quota": size, "quotatype": "hard"}).encode())


def _put(address: S3Address, verb: str, query: Mapping[str, str], body: bytes) -> None:
    url = f"{address.endpoint}/minio/admin/v3/{verb}?{urlencode(query)}"
    request = AWSRequest(method="PUT", url=url, data=body)
    credentials = Credentials(address.access_key_id, address.secret_access_key)
    S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
    session = URLLib3Session(timeout=20)
    try:
        answer = session.send(request.prepare())
    finally:
        session.close()
    if answer.status_code != 200:
        raise TestbedError(f"{verb}: {answer.status_code} {answer.text[:500]}")


def _sealed(password: str, told: bytes) -> bytes:
    """Encrypt as madmin-go's encrypt.go and sio-go do, for what fits into one of their fragments (16 KiB)."""
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(8)
    cipher = AESGCM(hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS, 32))
    # fragment 0 is empty and its tag goes, with a mark for "last", into the associated data of fragment 1
    tag = cipher.encrypt(nonce + (0).to_bytes(4, "little"), b"", None)
    sealed = cipher.encrypt(nonce + (1).to_bytes(4, "little"), told, b"\x80" + tag)
    return salt + _PBKDF2_AESGCM + nonce + sealed
