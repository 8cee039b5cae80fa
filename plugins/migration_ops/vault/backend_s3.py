"""A repository in a bucket of S3, or of anything that speaks S3: OSS, Ceph, MinIO.

obstore (Rust) does the requests: it costs a tenth of boto3's CPU a request and lets other threads run
meanwhile. It retries a request for a while by itself; around that, :data:`retry` goes on with growing pauses
until the settings' limit, because what was read or stored must be checked as a whole.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from migration_ops.vault.backend import ID_PATTERN, Buffer, FileKind
from migration_ops.vault.errors import (
    MALFORMED,
    DamagedError,
    ObjectMissing,
    StorageDenied,
    StorageError,
    StorageUnavailable,
    UsageError,
    what_is_wrong,
)
from migration_ops.vault.location import S3Location, StoreSettings

_Result = TypeVar("_Result")
# Services that answer only when the bucket is part of the host name.
_VIRTUAL_HOSTS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".aliyuncs.com",
    ".myqcloud.com",
    ".myhuaweicloud.com",
)
_DENIED = ("ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken",
           "RequestTimeTooSkewed")  # fmt: skip
# What the client says when it got no answer at all.
_NO_ANSWER = (
    "client error (Connect)",
    "tcp connect error",
    "dns error",
    "Connection refused",
    "operation timed out",
)
# A server may still be starting when it is asked first; an address that is wrong stays wrong.
FIRST_ANSWER_SECONDS = 20.0
# Where the client looks for credentials when it was given none: the services of AWS' machines and containers.
_ASKED_FOR_KEYS = ("169.254.169.254", "169.254.170.2", "/latest/api/token", "/latest/meta-data/iam")
_USELESS_TO_RETRY = ("NoSuchBucket", "InvalidBucketName", "InvalidCertificate", "dns error")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([\w.]+)</Code>")
# Answers that say that the request itself won't do: the same one gets the same answer later.
_REFUSALS = ("400", "405", "411", "413", "501")
# But these come with a 400, and pass: the body came late or broken, or too many ask.
_PASSING = ("RequestTimeout", "SlowDown", "Throttl", "TooMany", "Busy", "BadDigest", "InvalidDigest",
            "IncompleteBody", "ContentSHA256Mismatch", "OperationAborted", "InternalError",
            "Unavailable")  # fmt: skip
_ON_ENCRYPTION = ("encrypt", "kms", "sse")
ENCRYPTIONS = ("AES256", "aws:kms")


class _RefusedWithoutReason(StorageUnavailable):
    """A refusal that says nothing of why, as a HEAD's: it may have been something in between."""


class S3Backend:
    """Objects below a prefix of a bucket.

    :param location: host, bucket and prefix.
    :param settings: credentials and transport.
    """

    def __init__(self, location: S3Location, settings: StoreSettings) -> None:
        self.location = "/".join(filter(None, (f"s3:{location.endpoint}", location.bucket, location.prefix)))
        self.connections = settings.connections
        self.read_ahead = 1 << 20
        self._bucket = location.bucket
        self._retry_seconds = settings.retry_seconds
        self._encryption, self._kms_key = settings.encryption, settings.kms_key
        self._was_reached = self._was_written = False
        self._store = _make_store(location, settings)

    def create(self) -> None:
        """Nothing to prepare: a bucket has no folders."""

    def save(self, kind: FileKind, name: str, parts: Sequence[Buffer]) -> None:
        """Store an object by one PUT, then ask for its size."""
        path = kind.path_of(name)
        body = parts[0] if len(parts) == 1 else b"".join(parts)

        def put() -> None:
            obstore.put(self._store, path, bytes(body), use_multipart=False)
            try:
                stored = obstore.head(self._store, path)["size"]
            except FileNotFoundError as error:
                raise StorageUnavailable(f"{path} is not there right after it was stored") from error
            if stored != len(body):
                raise StorageUnavailable(f"{path} was stored with {stored} of {len(body)} bytes")

        self._try("write", path, put)

    def load(self, kind: FileKind, name: str) -> bytes:
        """Read a whole object."""
        path = kind.path_of(name)
        return self._try("read", path, lambda: bytes(obstore.get(self._store, path).bytes()))

    def read_range(self, kind: FileKind, name: str, offset: int, length: int) -> Buffer:
        """Read exactly `length` bytes from `offset`."""
        path = kind.path_of(name)

        def get() -> Buffer:
            data = obstore.get_range(self._store, path, start=offset, length=length)
            if len(data) != length:
                size = obstore.head(self._store, path)["size"]
                if size < offset + length:
                    raise DamagedError(
                        f"{path} has {size} bytes, but byte {offset + length} is needed: truncated"
                    )
                raise StorageUnavailable(f"{path} gave {len(data)} of {length} bytes")
            return memoryview(data)

        return self._try("read", path, get)

    def size(self, kind: FileKind, name: str) -> int:
        """Size of an object in bytes."""
        path = kind.path_of(name)
        return self._try("look at", path, lambda: int(obstore.head(self._store, path)["size"]))

    def modified(self, kind: FileKind, name: str) -> float:
        """When an object was written, by the service's clock."""
        path = kind.path_of(name)
        return self._try(
            "look at", path, lambda: float(obstore.head(self._store, path)["last_modified"].timestamp())
        )

    def list(self, kind: FileKind) -> Iterator[tuple[str, int]]:
        """Name and size of every object of a kind; a name that pages repeat is given once."""

        def collect() -> dict[str, int]:
            found = {}
            for page in obstore.list(self._store, prefix=kind.value, chunk_size=1000):
                for entry in page:
                    name = entry["path"].rpartition("/")[2]
                    if ID_PATTERN.match(name):
                        found[name] = entry["size"]
            return found

        yield from self._try("list", kind.value, collect).items()

    def remove(self, kind: FileKind, name: str) -> None:
        """Delete an object."""
        path = kind.path_of(name)
        with contextlib.suppress(ObjectMissing):
            self._try("delete", path, lambda: obstore.delete(self._store, path))

    def close(self) -> None:
        """The client closes its connections by itself."""

    def _try(self, doing: str, path: str, call: Callable[[], _Result]) -> _Result:
        def attempt() -> _Result:
            try:
                result = call()
            except (OSError, BaseError, ValueError) as error:
                self._was_reached |= not any(word in str(error) for word in _NO_ANSWER)
                raise self._explain(error, doing, path) from error
            self._was_reached = True
            self._was_written |= doing == "write"
            return result

        def is_over(state: RetryCallState) -> bool:
            limit = self._retry_seconds
            failure = state.outcome.exception() if state.outcome else None
            if not self._was_reached or isinstance(failure, _RefusedWithoutReason):
                limit = min(limit, FIRST_ANSWER_SECONDS)
            return (state.seconds_since_start or 0.0) >= limit

        return Retrying(
            retry=retry_if_exception_type(StorageUnavailable),
            wait=wait_random_exponential(multiplier=1, max=30),
            stop=is_over,
            reraise=True,
        )(attempt)

    def _explain(self, error: Exception, doing: str, path: str) -> StorageError:
        whole = " ".join(str(error).split())
        # Behind that, the library prints its own structures.
        told = whole.partition(" Debug source:")[0].rpartition(f" {StorageDenied.__name__}: ")[2]
        text = told[:500]
        what = f"cannot {doing} {path} in {self.location}"
        if any(word in whole for word in _USELESS_TO_RETRY):
            reason = f"there is no bucket {self._bucket}" if "NoSuchBucket" in whole else text
            return StorageError(f"{what}: {reason}; check the bucket's name, the address and the CA")
        if any(word in whole for word in _ASKED_FOR_KEYS):
            return StorageDenied(
                f"{what}: there are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
                f" MIGRATION_OPS_S3_CREDENTIALS_FILE; the machine's own service gave none either: {text}"
            )
        if isinstance(error, FileNotFoundError):
            return ObjectMissing(f"{what}: there is no such object")
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or any(
            word in whole for word in _DENIED
        ):
            key = f", and that they may use the key {self._kms_key} of KMS" if self._kms_key else ""
            return StorageDenied(f"{what}: {text}; check the credentials and the bucket's policy{key}")
        if not self._was_reached:
            return StorageUnavailable(
                f"{what}: nothing answers there; check the address and the port: {text}"
            )
        return self._refusal(told, text, what, doing) or StorageUnavailable(f"{what}: {text}")

    def _refusal(self, told: str, text: str, what: str, doing: str) -> StorageError | None:
        """What a store says that won't say anything else later; nothing if it may."""
        status = _STATUS.search(told)
        if status is None or status.group(1) not in _REFUSALS:
            return None
        answer = told[status.end() :]
        code = _CODE.search(answer)
        if code is None:
            return _RefusedWithoutReason(f"{what}: {text}")
        if any(word in code.group(1) for word in _PASSING):
            return None
        sent = [f"encryption {self._encryption}"] if self._encryption else []
        sent += [f"kms_key {self._kms_key}"] if self._kms_key else []
        first_write = doing == "write" and not self._was_written
        if sent and (first_write or any(word in answer.lower() for word in _ON_ENCRYPTION)):
            return StorageError(
                f"{what}: the bucket refuses it with {' and '.join(sent)}: {text}; set what the bucket offers"
                " (encryption and kms_key of the connection, MIGRATION_OPS_S3_ENCRYPTION and"
                " MIGRATION_OPS_S3_KMS_KEY in the environment), or neither: the vault is encrypted anyway"
            )
        return StorageError(f"{what}: the store refuses it: {text}; check address, region and addressing")


def _make_store(location: S3Location, settings: StoreSettings) -> S3Store:
    endpoint = location.endpoint
    virtual = _is_virtual(endpoint, settings.addressing)
    if virtual:
        scheme, _, rest = endpoint.partition("://")
        endpoint = f"{scheme}://{location.bucket}.{rest}"
    plain = endpoint.startswith("http://")
    client: dict[str, Any] = {
        "allow_http": plain,
        "connect_timeout": "10s",
        "read_timeout": f"{settings.stall_seconds}s",
        "timeout": "900s",
        "default_content_type": "application/octet-stream",
        "pool_max_idle_per_host": str(settings.connections),
    }
    if settings.ca_pem:
        client["root_certificate"] = settings.ca_pem.encode()
    elif settings.ca_file:
        client["root_certificate"] = _read_certificates(settings.ca_file)
    config: dict[str, Any] = {
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "region": settings.region or "us-east-1",
        "virtual_hosted_style_request": virtual,
        # TLS protects the body; without it the signature has to.
        "unsigned_payload": not plain,
    }
    _check_encryption(settings)
    if settings.encryption:
        config["server_side_encryption"] = settings.encryption
    if settings.kms_key:
        config["sse_kms_key_id"] = settings.kms_key
    provider = None
    if not settings.credentials_file and bool(settings.access_key) != bool(settings.secret_key):
        missing = "AWS_SECRET_ACCESS_KEY" if settings.access_key else "AWS_ACCESS_KEY_ID"
        raise UsageError(f"half of the S3 credentials is missing: set {missing}, too")
    if settings.credentials_file:
        provider = _FileCredentials(settings.credentials_file)
    elif settings.access_key and settings.secret_key:
        config["access_key_id"] = settings.access_key
        config["secret_access_key"] = settings.secret_key
        if settings.session_token:
            config["session_token"] = settings.session_token
    try:
        return S3Store(
            location.bucket,
            prefix=location.prefix or None,
            config=config,  # type: ignore[arg-type] # a plain dict instead of the library's TypedDict
            client_options=client,  # type: ignore[arg-type]
            retry_config={
                "max_retries": 4,
                "retry_timeout": timedelta(seconds=min(60.0, settings.retry_seconds)),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
            credential_provider=provider,  # type: ignore[arg-type] # likewise
        )
    except (ValueError, BaseError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the S3 client refuses its settings: {reason}; check the environment") from error


def _check_encryption(settings: StoreSettings) -> None:
    if settings.encryption and settings.encryption not in ENCRYPTIONS:
        raise UsageError(
            f"MIGRATION_OPS_S3_ENCRYPTION is {settings.encryption!r}; write {' or '.join(ENCRYPTIONS)}"
        )
    if settings.kms_key and settings.encryption != "aws:kms":
        raise UsageError(
            "MIGRATION_OPS_S3_KMS_KEY is set, but without MIGRATION_OPS_S3_ENCRYPTION=aws:kms no object is"
            " stored under that key; set both or neither"
        )


def _is_virtual(endpoint: str, addressing: str) -> bool:
    """Whether the bucket is a part of the host's name."""
    if addressing not in ("auto", "path", "virtual"):
        raise UsageError(f"MIGRATION_OPS_S3_ADDRESSING is {addressing!r}; write auto, path or virtual")
    host = urlsplit(endpoint).hostname or ""
    return addressing == "virtual" or (addressing == "auto" and host.endswith(_VIRTUAL_HOSTS))


def _read_certificates(file: str) -> bytes:
    try:
        found = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the CA file {file} (--cacert, RESTIC_CACERT, AWS_CA_BUNDLE): {error.strerror}"
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in found:
        raise UsageError(
            f"the CA file {file} (--cacert, RESTIC_CACERT, AWS_CA_BUNDLE) holds no certificate in PEM form"
        )
    return found


class _FileCredentials:
    """Temporary credentials from a file that somebody else renews."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __call__(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text())
            expires = document.get("expires_at")
            return {
                "access_key_id": document["access_key"],
                "secret_access_key": document["secret_key"],
                "token": document.get("session_token"),
                # Without a date the file is read again every minute.
                "expires_at": datetime.fromisoformat(expires)
                if expires
                else datetime.now(UTC) + timedelta(minutes=1),
            }
        except (OSError, *MALFORMED) as error:
            raise StorageDenied(
                f"cannot read credentials from {self._path}: {what_is_wrong(error)}"
            ) from error
