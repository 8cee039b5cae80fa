"""Connections of type `migration_ops_vault`: where backups are kept, and with which keys."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from migration_ops.hooks.extra_fields import extra_fields
from migration_ops.hooks.vault_fields import Keys, certificate_text, check_fields, check_folder, keys_of_aws
from migration_ops.mover import Credentials

if TYPE_CHECKING:
    from datetime import datetime

    from migration_ops.vault import Repository, StoreSettings

_TEST_SECONDS = 10


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
        extra = extra_fields(self._connection)
        check_fields(self.vault_conn_id, extra)
        return extra

    @property
    def location(self) -> str:
        """The repository's location.

        :raises ValueError: if the connection has none, or a folder that isn't the same one everywhere.
        """
        host = str(self._connection.host or "").strip()
        if not host:
            raise ValueError(
                f"connection {self.vault_conn_id} has no host; set it to the repository's location, "
                "for example s3:https://s3.oss-cn-hangzhou.aliyuncs.com/bucket/prefix"
            )
        check_folder(self.vault_conn_id, host)
        return host

    @property
    def password(self) -> str:
        """The repository's password.

        :raises ValueError: if the connection has none.
        """
        if not self._connection.password:
            raise ValueError(
                f"connection {self.vault_conn_id} has no password; set it to the repository's: "
                "the vault is always encrypted"
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

        return replace(StoreSettings.from_environment(self._store_environment), ca_pem=self._ca_pem)

    def credentials(self) -> Credentials:
        """What a mover needs to reach the same repository, for its Secret."""
        environment = {
            "RESTIC_REPOSITORY": self.location,
            "RESTIC_PASSWORD": self.password,
            **self._store_environment,
        }
        return Credentials(environment, self._ca_pem)

    def test_connection(self) -> tuple[bool, str]:
        """Open the repository and write a small object, for the button in Airflow's UI; ends soon."""
        try:
            return True, self._tried_out()
        except Exception as error:  # noqa: BLE001 - whatever it is, the user asked to see it
            text, name = str(error), f"connection {self.vault_conn_id}"
            return False, text if name in text else f"{name}: {text}"

    def _tried_out(self) -> str:
        from migration_ops.vault import RepositoryNotFound, open_repository, try_writing

        settings = replace(self.settings(), retry_seconds=_TEST_SECONDS, stall_seconds=_TEST_SECONDS)
        text = "The repository exists and the password opens it"
        try:
            open_repository(self.location, self.password, settings)
        except RepositoryNotFound:
            text = f"There is no repository at {self.location} yet; PLAN.connect makes it"
            if not self.location.startswith("s3:"):
                return text  # nor, perhaps, the folder
        if try_writing(self.location, settings):
            return f"{text}; a small object could be written and deleted"
        return (
            f"{text}; a small object could be written but not deleted, and stays there: "
            "locks and what retention drops will pile up"
        )

    @property
    def keys_end(self) -> datetime | None:
        """When temporary keys end that a role gives; ``None`` if they don't, or if nobody says."""
        return self._keys.expires

    @cached_property
    def _store_environment(self) -> dict[str, str]:
        values = {
            "AWS_ACCESS_KEY_ID": self._keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self._keys.secret_key,
            "AWS_SESSION_TOKEN": self._keys.session_token,
            "AWS_DEFAULT_REGION": self._extra.get("region") or self._keys.region,
            "MIGRATION_OPS_S3_ADDRESSING": self._extra.get("addressing"),
            "MIGRATION_OPS_S3_ENCRYPTION": self._extra.get("encryption"),
            "MIGRATION_OPS_S3_KMS_KEY": self._extra.get("kms_key"),
        }
        return {name: str(value) for name, value in values.items() if value}

    @cached_property
    def _keys(self) -> Keys:
        if aws_conn_id := self._extra.get("aws_conn_id"):
            return keys_of_aws(self.vault_conn_id, aws_conn_id)
        return Keys(
            access_key=str(self._extra.get("access_key") or ""),
            secret_key=str(self._extra.get("secret_key") or ""),
            session_token=str(self._extra.get("session_token") or ""),
        )

    @cached_property
    def _ca_pem(self) -> str | None:
        ca = self._extra.get("ca")
        return certificate_text(self.vault_conn_id, ca) if ca else None
