"""The extra fields of a vault's connection, checked: a wrong one is named, with what it may be."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migration_ops.hooks.extra_fields import unknown_field

KNOWN = ("aws_conn_id", "access_key", "secret_key", "session_token", "region", "ca", "addressing",
         "encryption", "kms_key")  # fmt: skip
_CHOICES = {"addressing": ("auto", "path", "virtual"), "encryption": ("AES256", "aws:kms")}
_PEM = "-----BEGIN"
_HOW = "set it to the PEM text of the authority's certificate, or to the path of a file that holds it"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a bucket is reached with.

    :param expires: when temporary keys end; ``None`` if they don't, or if nobody says.
    """

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    region: str = ""
    expires: datetime | None = None


def check_fields(conn_id: str, extras: Mapping[str, Any]) -> None:
    """Look at everything that can be known without asking anybody.

    :param conn_id: the connection's id, for messages.
    :param extras: its extra fields.
    :raises ValueError: if one is unknown, of the wrong kind, or makes no sense beside the others.
    """
    connection = f"connection {conn_id}"
    if reason := unknown_field(extras, KNOWN):
        raise ValueError(f"{connection}: {reason}")
    for name in KNOWN:
        value = extras.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{connection}: {name} is no text but a {type(value).__name__}; quote it")
    for name, choices in _CHOICES.items():
        if extras.get(name) and extras[name] not in choices:
            raise ValueError(f"{connection}: {name} is {extras[name]!r}; it can be {' or '.join(choices)}")
    if extras.get("kms_key") and extras.get("encryption") != "aws:kms":
        raise ValueError(
            f"{connection} has a kms_key, which is used only if encryption is aws:kms; set both or neither"
        )
    _check_pair(connection, extras)


def check_folder(conn_id: str, location: str) -> None:
    """Refuse folders that are others for each process: relative ones, and those below somebody's home.

    :param conn_id: the connection's id, for messages.
    :param location: the repository's.
    :raises ValueError: if it is such a folder.
    """
    path = location.removeprefix("local:")
    if location.startswith("s3:") or path.startswith("/") or (":" in path and path == location):
        return
    why = "its ~ isn't replaced" if path.startswith("~") else "every process would begin it elsewhere"
    raise ValueError(
        f"host of connection {conn_id} is {location!r}, and {why}; set it to a whole path such as "
        "/srv/vault, or to a bucket such as s3:https://s3.oss-cn-hangzhou.aliyuncs.com/bucket/prefix"
    )


def _check_pair(connection: str, extras: Mapping[str, Any]) -> None:
    given = [name for name in ("access_key", "secret_key", "session_token") if extras.get(name)]
    if given and extras.get("aws_conn_id"):
        raise ValueError(
            f"{connection} has aws_conn_id and {' and '.join(given)}, but only one can give the keys; "
            "empty the one that isn't meant"
        )
    if extras.get("aws_conn_id"):
        return
    for name in ("access_key", "secret_key"):
        if given and name not in given:
            raise ValueError(
                f"{connection} has {' and '.join(given)}, but no {name}; set it, too, or name an aws_conn_id"
            )


def certificate_text(conn_id: str, ca: str) -> str:
    """Return the authority's certificate.

    :param conn_id: the connection's id, for messages.
    :param ca: PEM text, or a file's path.
    :raises ValueError: if there is no such file, or it holds no certificate that can be read.
    """
    what = f"ca of connection {conn_id}"
    text, where = ca, "the text"
    if _PEM not in ca:
        where = f"the file {ca}"
        try:
            text = Path(ca).expanduser().read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{what}: {where} is no text; {_HOW}") from None
        except (OSError, ValueError, RuntimeError) as error:  # the last one, if there is no such home
            reason = getattr(error, "strerror", None) or "that is no path"
            raise ValueError(f"{what}: {ca[:200]!r} can't be read: {reason}; {_HOW}") from None
    if "PRIVATE KEY" in text:
        raise ValueError(f"{what}: {where} holds a private key, which movers must not get; {_HOW}")
    if "\n" not in text.strip() and _PEM in text:
        raise ValueError(
            f"{what}: {where} has lost its line ends: it is all in one line; "
            "write them into the JSON as \\n, or set it to the path of a file that holds the certificate"
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise ValueError(
            f"{what}: {where} holds no certificate that can be read ({reason}); {_HOW}"
        ) from None
    return text


def keys_of_aws(conn_id: str, aws_conn_id: str) -> Keys:
    """Return the keys of a connection of type `aws`; those of a role are asked for.

    :param conn_id: the vault's connection, for messages.
    :param aws_conn_id: the connection that it names.
    :raises ValueError: if there is no such connection, or it gives no keys.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException
    from airflow.sdk.log import mask_secret

    what = f"connection {conn_id} names aws_conn_id {aws_conn_id}"
    try:
        AwsBaseHook.get_connection(aws_conn_id)
    except AirflowNotFoundException:
        raise ValueError(
            f"{what}, but there is no such connection; make it, with type aws, or mend the name"
        ) from None
    aws = AwsBaseHook(aws_conn_id=aws_conn_id, client_type="s3")
    found = aws.get_session().get_credentials()
    if found is None:
        raise ValueError(
            f"{what}, which gives no keys: set its login to the access key and its password to the secret "
            "key, or a role_arn that this machine may take"
        )
    frozen = found.get_frozen_credentials()
    if not frozen.access_key or not frozen.secret_key:
        raise ValueError(f"{what}, which gives only half of the keys; set its login and its password")
    for secret in filter(None, (frozen.secret_key, frozen.token)):
        mask_secret(secret)
    expires = getattr(found, "_expiry_time", None)  # botocore tells it in no other way
    return Keys(
        frozen.access_key,
        frozen.secret_key,
        frozen.token or "",
        aws.region_name or "",
        expires.astimezone(UTC) if isinstance(expires, datetime) else None,
    )
