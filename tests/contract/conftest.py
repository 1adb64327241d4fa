"""Ports are held to their contracts on real servers, too."""

from testbed.fixtures import s3, s3_client, seen_bucket

__all__ = ["s3", "s3_client", "seen_bucket"]
