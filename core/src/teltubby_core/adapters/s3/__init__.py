"""Objects in a bucket of S3, or of anything that speaks it, by boto3 in threads.

``store`` is the ObjectStore, ``upload`` an object in the making, ``bucket`` finds or makes the bucket, ``sweep``
removes what dead uploads left, ``quota`` asks MinIO for its limit. Below them ``calls`` runs boto3 in threads,
``client`` alone sets it up, and ``errors`` alone knows what its errors mean.
"""

from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.adapters.s3.store import S3Store

__all__ = ["S3Options", "S3Store"]
