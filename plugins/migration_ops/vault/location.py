"""Where a repository lies and with which credentials it is reached.

Locations are written as restic writes them: ``/path``, ``s3:https://host/bucket/prefix``, ``s3:http://...``,
``s3:host/bucket``.
"""

from __future__ import annotations

import os
import re
import stat
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
    :param ca_pem: the same as text, in a process that should write no files; goes before the file.
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
    ca_pem: str | None = None
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
        :raises UsageError: if a number is none.
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
            connections=_number(environment, "MIGRATION_OPS_S3_CONNECTIONS", 8, least=1, most=256),
            retry_seconds=_number(environment, "MIGRATION_OPS_S3_RETRY_SECONDS", 900, least=0, most=86400),
        )


def _number(environment: Mapping[str, str], name: str, usual: int, *, least: int, most: int) -> int:
    text = environment.get(name) or str(usual)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name} is {text!r}; write a whole number from {least} to {most}")
    return int(text)


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


FORMS = "write a path, s3:https://host/bucket/prefix or s3:http://host:port/bucket/prefix"


def parse_location(text: str) -> LocalLocation | S3Location:
    """Understand a repository's name as restic does, and look whether a path can be one.

    :param text: ``/path``, ``local:/path``, ``s3:https://host/bucket/prefix``, ``s3:host/bucket``.
    :raises UsageError: if it is neither a path to a folder nor an S3 address with a bucket.
    """
    if text.startswith("s3:"):
        return _parse_s3(text)
    path = text.removeprefix("local:")
    kind, colon, _ = path.partition(":")
    if colon and path == text and "/" not in kind:
        raise UsageError(
            f"repositories of the kind {kind!r} are not known ({text!r}); {FORMS};"
            f" a folder of that name is local:{text}"
        )
    if not path or "\0" in path:
        raise UsageError(f"{text!r} is no path; {FORMS}")
    try:
        is_other = not stat.S_ISDIR(os.stat(path).st_mode)
    except NotADirectoryError:
        is_other = True
    except OSError:
        is_other = False  # whoever opens it says why that is impossible
    if is_other:
        raise UsageError(f"{text!r} is a file or lies below one, not in a folder; {FORMS}")
    return LocalLocation(path)


def _parse_s3(text: str) -> S3Location:
    from urllib.parse import urlsplit

    rest = text.removeprefix("s3:")
    if "://" not in rest:
        rest = "https://" + rest.removeprefix("//")
    reason = ""
    try:
        parts = urlsplit(rest)
        host, port, credentials = parts.hostname, parts.port, parts.username
    except ValueError as error:
        raise UsageError(f"{text!r} is no S3 address: its host or port is none; {FORMS}") from error
    bucket, _, prefix = parts.path.strip("/").partition("/")
    if parts.scheme not in ("http", "https"):
        reason = f"{parts.scheme!r} is neither http nor https"
    elif credentials is not None:
        reason = "keys do not belong there: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    elif not host or port == 0 or not re.fullmatch(r"[\w.:-]+", host):
        reason = "it names no host"
    elif not bucket:
        reason = "it names no bucket"
    elif parts.query or parts.fragment or not re.fullmatch(r"[\w.-]+", bucket):
        reason = "a bucket's name has letters, digits, '.', '-' and '_', and no '?' or '#' comes behind it"
    if reason:
        shown = "the repository" if credentials is not None else repr(text)
        raise UsageError(f"{shown} is no S3 address: {reason}; {FORMS}")
    return S3Location(f"{parts.scheme}://{parts.netloc}", bucket, prefix.strip("/"))
