"""Where a repository lies and with which credentials it is reached.

Locations are written as restic writes them: ``/path``, ``s3:https://host/bucket/prefix``, ``s3:http://...``,
``s3:host/bucket``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migration_ops.vault.errors import UsageError


@dataclass(frozen=True)
class StoreSettings:
    """Credentials and transport of an S3 store; a local repository needs none of it.

    :param access_key: access key id.
    :param secret_key: secret access key.
    :param session_token: token of temporary (STS) credentials.
    :param region: region to sign for; ``us-east-1`` when nothing is known.
    :param ca_file: PEM file with a certificate authority to trust beside the system's.
    :param addressing: ``path`` (``host/bucket``), ``virtual`` (``bucket.host``) or ``auto``: virtual for the
        services that ask for it (AWS, Alibaba Cloud OSS), path for all others.
    :param credentials_file: JSON file with ``access_key``, ``secret_key``, ``session_token`` and
        ``expires_at`` (RFC 3339), read again when the credentials expire, so that a mounted Secret may be
        rotated.
    :param encryption: server-side encryption, ``AES256`` or ``aws:kms``.
    :param kms_key: key id for ``aws:kms``.
    :param connections: how many requests may be under way at once.
    :param retry_seconds: for how long a failing request is tried again before the error is final.
    :param stall_seconds: after how long without a byte a request is given up and made again.
    """

    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str | None = None
    ca_file: str | None = None
    addressing: str = "auto"
    credentials_file: str | None = None
    encryption: str | None = None
    kms_key: str | None = None
    connections: int = 8
    retry_seconds: float = 900.0
    stall_seconds: int = 90

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StoreSettings:
        """Read the settings from restic's and AWS's own variables and from ours (``MIGRATION_OPS_S3_*``).

        :param environment: usually ``os.environ``.
        """
        return cls(
            access_key=environment.get("AWS_ACCESS_KEY_ID"),
            secret_key=environment.get("AWS_SECRET_ACCESS_KEY"),
            session_token=environment.get("AWS_SESSION_TOKEN"),
            region=environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION"),
            ca_file=environment.get("RESTIC_CACERT") or environment.get("AWS_CA_BUNDLE"),
            addressing=environment.get("MIGRATION_OPS_S3_ADDRESSING", "auto"),
            credentials_file=environment.get("MIGRATION_OPS_S3_CREDENTIALS_FILE"),
            encryption=environment.get("MIGRATION_OPS_S3_ENCRYPTION"),
            kms_key=environment.get("MIGRATION_OPS_S3_KMS_KEY"),
            connections=int(environment.get("MIGRATION_OPS_S3_CONNECTIONS", "8")),
            retry_seconds=float(environment.get("MIGRATION_OPS_S3_RETRY_SECONDS", "900")),
        )


@dataclass(frozen=True)
class LocalLocation:
    """A repository in a folder."""

    path: str


@dataclass(frozen=True)
class S3Location:
    """A repository in a bucket, under an optional prefix without slashes at its ends."""

    endpoint: str
    bucket: str
    prefix: str


def parse_location(text: str) -> LocalLocation | S3Location:
    """Understand a repository's name as restic does.

    :param text: ``/path``, ``local:/path``, ``s3:https://host/bucket/prefix``, ``s3:host/bucket``.
    :raises UsageError: if it is neither a path nor an S3 address with a bucket.
    """
    if text.startswith("s3:"):
        rest = text.removeprefix("s3:")
        if not rest.startswith(("http://", "https://")):
            rest = "https://" + rest.removeprefix("//")
        from urllib.parse import urlsplit

        parts = urlsplit(rest)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if not parts.netloc or not bucket:
            raise UsageError(
                f"repository {text!r} names no host or bucket; write s3:https://host/bucket/prefix"
            )
        return S3Location(f"{parts.scheme}://{parts.netloc}", bucket, prefix.strip("/"))
    path = text.removeprefix("local:")
    if (
        not path
        or "://" in path
        or path.split(":", 1)[0] in {"sftp", "rest", "azure", "gs", "b2", "swift", "rclone"}
    ):
        raise UsageError(
            f"repository {text!r} is not understood; write a path or s3:https://host/bucket/prefix"
        )
    return LocalLocation(path)
