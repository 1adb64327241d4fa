"""What the errors of boto3 and of S3's servers mean for an archive."""

from collections.abc import Mapping
from typing import NamedTuple

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from teltubby_core.adapters.s3.options import S3Options
from teltubby_core.errors import (
    InfrastructureError,
    PermanentError,
    StorageFullError,
    StorageUnavailableError,
    TeltubbyError,
    TransientError,
)

FOREIGN = (
    boto.BotoCoreError,
    boto.ClientError,
    boto.UndefinedModelAttributeError,
    ResponseParserError,
    HTTPError,
    OSError,
)
"""The roots of all that boto3 raises, or lets through: what is none of these is ours, or a defect."""
_LONGEST_WHY = 200


class Meaning(NamedTuple):
    """Our error with its text, and whether the same call may well succeed within a second."""

    kind: type[TeltubbyError]
    text: str
    again: bool = False


_AWAY = Meaning(
    StorageUnavailableError,
    "the object store at {place} can't be reached: check that it runs, and S3_ENDPOINT ({why})",
    again=True,
)
_SILENT = Meaning(StorageUnavailableError, "the object store at {place} does not answer in time ({why})", again=True)
_BROKE = Meaning(
    StorageUnavailableError,
    "the connection to the object store at {place} broke: check that it runs, and whether S3_ENDPOINT is to begin with "
    "http or https ({why})",
    again=True,
)
_BROKEN = Meaning(
    StorageUnavailableError,
    "the object store at {place} is out of order, or is none: look into its log, and at S3_ENDPOINT ({why})",
    again=True,
)
_NO_S3 = Meaning(StorageUnavailableError, "what answers at {place} does not speak S3: check S3_ENDPOINT ({why})")
_TLS = Meaning(
    StorageUnavailableError,
    "no trusted TLS with the object store at {place}: check S3_ENDPOINT, and name the authority of its certificate in "
    "S3_CA_FILE ({why})",
    again=True,  # a connection that breaks says so, too
)
_PROXY = Meaning(
    StorageUnavailableError,
    "the proxy before {place} can't be reached: check HTTPS_PROXY and NO_PROXY ({why})",
    again=True,
)
_KEY = Meaning(
    StorageUnavailableError,
    "the object store at {place} does not accept our key: check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY ({why})",
)
_NO_KEY = Meaning(
    StorageUnavailableError,
    "no key for the object store at {place}: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or mend what the "
    "surroundings give ({why})",
)
_DENIED = Meaning(
    StorageUnavailableError,
    "the key in S3_ACCESS_KEY_ID may not do this in bucket {bucket} at {place}: allow it to list the bucket and its "
    "uploads, to get, put and delete objects, and to abort uploads ({why})",
)
_NO_BUCKET = Meaning(
    StorageUnavailableError, "there is no bucket {bucket} at {place}: make it, or correct S3_BUCKET ({why})"
)
_NO_BUCKET_NAME = Meaning(StorageUnavailableError, "{place} takes no bucket {bucket}: correct S3_BUCKET ({why})")
_FOREIGN_BUCKET = Meaning(
    StorageUnavailableError, "bucket {bucket} at {place} is somebody else's: correct S3_BUCKET ({why})"
)
_REGION = Meaning(StorageUnavailableError, "bucket {bucket} at {place} is in another region: correct S3_REGION ({why})")
_CLOCK = Meaning(
    StorageUnavailableError, "the clocks of this machine and of {place} differ too much: set them right ({why})"
)
_CONFIGURATION = Meaning(
    StorageUnavailableError,
    "the AWS configuration of this machine can't be used: mend it (AWS_… variables, ~/.aws), S3_REGION or "
    "S3_FORCE_PATH_STYLE ({why})",
)
_FULL = Meaning(
    StorageFullError, "no space left at {place} for bucket {bucket}: free some; what waits is archived then ({why})"
)
_BUSY = Meaning(TransientError, "the object store at {place} is busy ({why})", again=True)
_DAMAGED = Meaning(TransientError, "bytes changed on their way to or from {place} ({why})", again=True)
_LOST = Meaning(TransientError, "the object store at {place} no longer has the parts of this upload ({why})")
_NEVER = Meaning(PermanentError, "the object store at {place} does not take such a key, size or metadata ({why})")
_DEFECT = Meaning(InfrastructureError, "unexpected answer of the object store at {place}: please report it ({why})")

EXCEPTIONS: Mapping[type[Exception], Meaning] = {
    # the way there, most specific first for the reader: the class itself decides, then its bases
    **dict.fromkeys((boto.ConnectTimeoutError, boto.ReadTimeoutError, TimeoutError), _SILENT),
    boto.SSLError: _TLS,
    boto.ProxyConnectionError: _PROXY,
    **dict.fromkeys((boto.EndpointConnectionError, boto.ConnectionError), _AWAY),
    **dict.fromkeys((boto.ConnectionClosedError, boto.HTTPClientError, boto.ResponseStreamingError), _BROKE),
    boto.IncompleteReadError: _BROKE,
    **dict.fromkeys((HTTPError, OSError), _BROKE),
    **dict.fromkeys((boto.ChecksumError, boto.FlexibleChecksumError, boto.AwsChunkedWrapperError), _DAMAGED),
    boto.CapacityNotAvailableError: _BUSY,
    ResponseParserError: _NO_S3,
    # who we are
    **dict.fromkeys((boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError), _NO_KEY),
    **dict.fromkeys((boto.MetadataRetrievalError, boto.UnknownCredentialError, boto.LoginError), _NO_KEY),
    **dict.fromkeys((boto.RefreshWithMFAUnsupportedError, boto.SSOError, boto.NoAuthTokenError), _NO_KEY),
    **dict.fromkeys((boto.TokenRetrievalError, boto.UnknownTokenProviderError), _NO_KEY),
    # what the surroundings configure
    **dict.fromkeys((boto.ConfigNotFound, boto.ConfigParseError, boto.ProfileNotFound), _CONFIGURATION),
    **dict.fromkeys(
        (boto.InvalidConfigError, boto.InvalidDefaultsMode, boto.InvalidProxiesConfigError), _CONFIGURATION
    ),
    **dict.fromkeys((boto.InvalidRetryConfigurationError, boto.InvalidChecksumConfigError), _CONFIGURATION),
    **dict.fromkeys((boto.InvalidIMDSEndpointError, boto.InvalidIMDSEndpointModeError), _CONFIGURATION),
    **dict.fromkeys((boto.InvalidSTSRegionalEndpointsConfigError, boto.InvalidS3AddressingStyleError), _CONFIGURATION),
    **dict.fromkeys((boto.InvalidS3UsEast1RegionalEndpointConfigError, boto.InvalidRegionError), _CONFIGURATION),
    **dict.fromkeys((boto.InvalidEndpointDiscoveryConfigurationError, boto.UnknownRegionError), _CONFIGURATION),
    **dict.fromkeys((boto.InvalidEndpointConfigurationError, boto.UnsupportedS3ConfigurationError), _CONFIGURATION),
    **dict.fromkeys((boto.UnsupportedS3AccesspointConfigurationError, boto.EndpointProviderError), _CONFIGURATION),
    **dict.fromkeys((boto.UnsupportedS3ControlConfigurationError, boto.ServiceNotInRegionError), _CONFIGURATION),
    **dict.fromkeys((boto.UnknownSignatureVersionError, boto.UnsupportedSignatureVersionError), _CONFIGURATION),
    **dict.fromkeys((boto.BaseEndpointResolverError, boto.MissingDependencyException), _CONFIGURATION),
    **dict.fromkeys(
        (boto.InvalidDNSNameError, boto.InvalidHostLabelError, boto.UnsupportedS3ArnError), _NO_BUCKET_NAME
    ),
    **dict.fromkeys((boto.UnsupportedOutpostResourceError, boto.UnsupportedS3ControlArnError), _NO_BUCKET_NAME),
    # what no setting leads to
    **dict.fromkeys((boto.ValidationError, boto.ParamValidationError, boto.MissingParametersError), _DEFECT),
    **dict.fromkeys((boto.ApiVersionNotFoundError, boto.DataNotFoundError, boto.UnknownServiceStyle), _DEFECT),
    **dict.fromkeys((boto.UndefinedModelAttributeError, boto.UnknownClientMethodError), _DEFECT),
    **dict.fromkeys((boto.OperationNotPageableError, boto.PaginationError, boto.InvalidExpressionError), _DEFECT),
    **dict.fromkeys((boto.WaiterError, boto.WaiterConfigError, boto.UnsupportedServiceProtocolsError), _DEFECT),
    **dict.fromkeys((boto.MD5UnavailableError, boto.UnseekableStreamError, boto.StubResponseError), _DEFECT),
}
"""For each error that botocore raises by itself; a class that is missing means what its base means."""

CODES: Mapping[str, Meaning] = {
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure", "UnauthorizedAccess"), _KEY),
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "InvalidTokenId", "TokenRefreshRequired"), _KEY),
    **dict.fromkeys(("InvalidSecurity", "CredentialsNotSupported", "XMinioInvalidIAMCredentials"), _KEY),
    **dict.fromkeys(
        ("AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp", "MethodNotAllowed"), _DENIED
    ),
    "NoSuchBucket": _NO_BUCKET,
    **dict.fromkeys(("InvalidBucketName", "TooManyBuckets"), _NO_BUCKET_NAME),
    "BucketAlreadyExists": _FOREIGN_BUCKET,
    **dict.fromkeys(("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidRegion"), _REGION),
    **dict.fromkeys(("InvalidLocationConstraint", "PermanentRedirect", "TemporaryRedirect", "Redirect"), _REGION),
    "RequestTimeTooSkewed": _CLOCK,
    **dict.fromkeys(("XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "XMinioStorageFull"), _FULL),
    **dict.fromkeys(("InsufficientStorage", "StorageQuotaExceeded", "InsufficientCapacity"), _FULL),
    **dict.fromkeys(("SlowDown", "SlowDownRead", "SlowDownWrite", "ServerBusy", "TooManyRequests"), _BUSY),
    **dict.fromkeys(("ServiceUnavailable", "RequestLimitExceeded", "BandwidthLimitExceeded", "Throttling"), _BUSY),
    **dict.fromkeys(("OperationAborted", "ConditionalRequestConflict", "XMinioServerNotInitialized"), _BUSY),
    **dict.fromkeys(("RequestTimeout", "ClientDisconnected"), _BUSY),
    **dict.fromkeys(("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "IncompleteBody"), _DAMAGED),
    **dict.fromkeys(("XAmzContentSHA256Mismatch", "ExcessData"), _DAMAGED),
    **dict.fromkeys(("NoSuchUpload", "InvalidPart", "InvalidPartOrder"), _LOST),
    **dict.fromkeys(("KeyTooLongError", "MetadataTooLarge", "EntityTooLarge", "XMinioInvalidObjectName"), _NEVER),
    **dict.fromkeys(("XMinioObjectExistsAsDirectory", "InvalidObjectState", "XMinioInvalidResourceName"), _NEVER),
    **dict.fromkeys(("InternalError", "XMinioBackendDown", "XMinioIAMNotInitialized"), _BROKEN),
    **dict.fromkeys(("XMinioObjectTampered", "XMinioEncryptionError", "KMS.NotFoundException"), _BROKEN),
}
"""For each code that our calls may meet, of the S3 API's list (docs.aws.amazon.com, ErrorResponses) and of MinIO's
(cmd/api-errors.go). The answer to a HEAD has no code; then the HTTP status decides, as for a code that is not here."""

STATUSES: Mapping[int, Meaning] = {
    **dict.fromkeys((301, 302, 307, 308), _REGION),
    **dict.fromkeys((401, 403), _DENIED),
    404: _NO_BUCKET,  # of an object it is no error, see store.py
    405: _NO_S3,
    **dict.fromkeys((408, 429, 503), _BUSY),
    501: _NO_S3,
    507: _FULL,
}


def code_of(error: Exception) -> str:
    """Return the code that the server gave, empty when there is none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def status_of(error: Exception) -> int:
    """Return the HTTP status of the server's answer, 0 when there is none."""
    if not isinstance(error, boto.ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def meaning_of(error: Exception) -> Meaning:
    """Find what an error of ``FOREIGN`` means."""
    if not isinstance(error, boto.ClientError):
        return next((EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS), _DEFECT)
    status = status_of(error)
    fallback = _BROKEN if status >= 500 else _DEFECT
    return CODES.get(code_of(error)) or STATUSES.get(status, fallback)


def ours(error: Exception, meaning: Meaning, options: S3Options) -> TeltubbyError:
    """Return our error in place of one of ``FOREIGN``."""
    return meaning.kind(meaning.text.format(place=options.place, bucket=options.bucket, why=_why(error)))


def _why(error: Exception) -> str:
    """Say it shortly. No address of an object, as botocore's own texts have: they are nobody else's business."""
    if isinstance(error, boto.ClientError):
        told = f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
    else:
        told = _root_of(error)
    text = "".join(character if character.isprintable() else " " for character in told)
    return text[:_LONGEST_WHY]


def _root_of(error: Exception) -> str:
    """Walk from botocore's error over urllib3's to the system's, which says most, else to the last one's name."""
    found: BaseException = error
    for _ in range(10):
        if isinstance(found, OSError) and (found.strerror or type(found) in {InterruptedError, TimeoutError}):
            return found.strerror or str(found) or type(found).__name__
        below = found.__cause__ or found.__context__
        if below is None:
            break
        found = below
    return type(found).__name__
