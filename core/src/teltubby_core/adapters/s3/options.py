"""What an S3Store must be told."""

from dataclasses import dataclass, field
from pathlib import Path

from teltubby_core.settings import S3Settings

MIB = 1024 * 1024


@dataclass(frozen=True)
class S3Options:
    """A bucket, how to reach it and how to use it. Sizes in bytes, times in seconds."""

    bucket: str
    endpoint: str | None = None
    """Address like http://minio:9000; None is Amazon's own for ``region``."""
    region: str = "us-east-1"
    access_key_id: str | None = None
    """None: what the surroundings give, like an instance's role."""
    secret_access_key: str | None = field(default=None, repr=False)
    path_style: bool = True
    """The bucket in the path instead of the host name."""
    verify_tls: bool = True
    ca_file: Path | None = None
    """Whom to trust, in place of the system's authorities."""
    create_bucket: bool = True
    part_size: int = 8 * MIB
    """One part of a large object. S3 takes 5 MiB at least, and 10,000 parts at most."""
    part_uploads: int = 3
    """Parts of one object that upload side by side."""
    io_timeout: float = 60
    """How long the server may be silent."""

    @classmethod
    def of(cls, settings: S3Settings, io_timeout: float) -> "S3Options":
        """Take them from the settings."""
        secret = settings.s3_secret_access_key
        return cls(
            bucket=settings.s3_bucket,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id.get_secret_value() if settings.s3_access_key_id else None,
            secret_access_key=secret.get_secret_value() if secret else None,
            path_style=settings.s3_force_path_style,
            verify_tls=settings.s3_verify_tls,
            ca_file=settings.s3_ca_file,
            create_bucket=settings.s3_create_bucket,
            part_size=settings.s3_part_mib * MIB,
            part_uploads=settings.s3_part_uploads,
            io_timeout=io_timeout,
        )

    @property
    def place(self) -> str:
        """Where the bucket is, for people."""
        return self.endpoint or f"Amazon S3 in {self.region}"

    @property
    def verify(self) -> bool | str:
        """The same as boto3 wants it: a file, or whether to check at all."""
        return str(self.ca_file) if self.verify_tls and self.ca_file else self.verify_tls

    @property
    def connect_timeout(self) -> float:
        """How long a connection may take to be made."""
        return min(self.io_timeout, 10)
