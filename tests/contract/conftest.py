"""Ports are held to their contracts on real servers, too."""

from testbed.fixtures import control_plane, s3, s3_client, seen_bucket

__all__ = ["control_plane", "s3", "s3_client", "seen_bucket"]
