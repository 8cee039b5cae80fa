"""Connections of type `migration_ops_vault`: where backups are kept, and with which keys."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from migration_ops.mover import Credentials

if TYPE_CHECKING:
    from migration_ops.vault import Repository, StoreSettings

_PEM = "-----BEGIN"


class VaultHook(BaseHook):
    """One vault.

    Host is the repository's location as restic writes it (`s3:https://host/bucket/prefix` or a path), the
    password is the repository's. Extra fields: `aws_conn_id` (a connection of type `aws` whose keys are
    used) or `access_key`, `secret_key`, `session_token`; `region`; `ca` (PEM text, or a file's path);
    `addressing` (`path`, `virtual`, `auto`); `encryption` and `kms_key` for server-side encryption.

    :param vault_conn_id: the connection's id.
    """

    conn_name_attr = "vault_conn_id"
    default_conn_name = "migration_ops_vault_default"
    conn_type = "migration_ops_vault"
    hook_name = "Migration vault"

    def __init__(self, vault_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.vault_conn_id = vault_conn_id

    @cached_property
    def _connection(self) -> Any:
        return self.get_connection(self.vault_conn_id)

    @cached_property
    def _extra(self) -> dict[str, Any]:
        return dict(self._connection.extra_dejson)

    @property
    def location(self) -> str:
        """The repository's location.

        :raises ValueError: if the connection has none.
        """
        if not self._connection.host:
            raise ValueError(
                f"connection {self.vault_conn_id} has no host; set it to the repository's location, "
                "for example s3:https://oss-cn-hangzhou.aliyuncs.com/bucket/prefix"
            )
        return str(self._connection.host)

    @property
    def password(self) -> str:
        """The repository's password.

        :raises ValueError: if the connection has none.
        """
        if not self._connection.password:
            raise ValueError(
                f"connection {self.vault_conn_id} has no password; the vault is always encrypted"
            )
        return str(self._connection.password)

    def get_conn(self) -> Repository:
        """Open the repository.

        :raises RepositoryNotFound: if there is none.
        """
        from migration_ops.vault import open_repository

        return open_repository(self.location, self.password, self.settings())

    def init_if_missing(self) -> bool:
        """Make the repository unless it exists; says whether it was made."""
        from migration_ops.vault import RepositoryNotFound, init_repository, open_repository

        try:
            open_repository(self.location, self.password, self.settings())
        except RepositoryNotFound:
            init_repository(self.location, self.password, self.settings())
            return True
        return False

    def settings(self) -> StoreSettings:
        """How this process reaches the store."""
        from migration_ops.vault import StoreSettings

        return StoreSettings.from_environment(self._store_environment | self._ca_environment())

    def credentials(self) -> Credentials:
        """What a mover needs to reach the same repository, for its Secret."""
        environment = {
            "RESTIC_REPOSITORY": self.location,
            "RESTIC_PASSWORD": self.password,
            **self._store_environment,
        }
        return Credentials(environment, self._ca_pem)

    def test_connection(self) -> tuple[bool, str]:
        """Open the repository, for the button in Airflow's UI."""
        try:
            self.get_conn()
        except Exception as error:  # noqa: BLE001 - whatever it is, the user asked to see it
            return False, str(error)
        return True, "The repository exists and the password opens it"

    @cached_property
    def _store_environment(self) -> dict[str, str]:
        keys = self._keys()
        values = {
            "AWS_ACCESS_KEY_ID": keys.get("access_key"),
            "AWS_SECRET_ACCESS_KEY": keys.get("secret_key"),
            "AWS_SESSION_TOKEN": keys.get("session_token"),
            "AWS_DEFAULT_REGION": self._extra.get("region") or keys.get("region"),
            "MIGRATION_OPS_S3_ADDRESSING": self._extra.get("addressing"),
            "MIGRATION_OPS_S3_ENCRYPTION": self._extra.get("encryption"),
            "MIGRATION_OPS_S3_KMS_KEY": self._extra.get("kms_key"),
        }
        return {name: str(value) for name, value in values.items() if value}

    def _keys(self) -> dict[str, str | None]:
        aws_conn_id = self._extra.get("aws_conn_id")
        if not aws_conn_id:
            return {name: self._extra.get(name) for name in ("access_key", "secret_key", "session_token")}
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

        aws = AwsBaseHook(aws_conn_id=aws_conn_id, client_type="s3")
        found = aws.get_credentials()
        return {
            "access_key": found.access_key,
            "secret_key": found.secret_key,
            "session_token": found.token,
            "region": aws.region_name,
        }

    @cached_property
    def _ca_pem(self) -> str | None:
        ca = self._extra.get("ca")
        if not ca:
            return None
        return str(ca) if _PEM in ca else Path(ca).read_text(encoding="ascii")

    def _ca_environment(self) -> dict[str, str]:
        return {"RESTIC_CACERT": self._ca_file.name} if self._ca_pem else {}

    @cached_property
    def _ca_file(self) -> Any:
        # Lives as long as the hook: a store's client reads it whenever it connects.
        file = tempfile.NamedTemporaryFile("w", suffix=".crt", encoding="ascii")  # noqa: SIM115
        file.write(self._ca_pem or "")
        file.flush()
        return file
