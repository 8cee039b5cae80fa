"""What Airflow shows of this package: the connection types and their forms."""

from __future__ import annotations

from typing import Any

_STRING = {"type": ["string", "null"]}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow (entry point `apache_airflow_provider`)."""
    return {
        "package-name": "migration-ops",
        "name": "Migration Ops",
        "description": "Move running Kubernetes applications, with their data, to Alibaba Cloud ACK.",
        "connection-types": [
            {
                "connection-type": "migration_ops_vault",
                "hook-class-name": "migration_ops.hooks.vault.VaultHook",
                "hook-name": "Migration vault",
                "conn-fields": {
                    "aws_conn_id": {
                        "label": "AWS connection",
                        "description": "Connection of type aws whose keys are used instead of those below.",
                        "schema": _STRING,
                    },
                    "access_key": {"label": "Access key", "schema": _STRING},
                    "secret_key": {"label": "Secret key", "schema": _STRING | {"format": "password"}},
                    "session_token": {"label": "Session token", "schema": _STRING | {"format": "password"}},
                    "region": {"label": "Region", "schema": _STRING},
                    "ca": {
                        "label": "Certificate authority",
                        "description": "PEM text or a file's path; only for endpoints with a private one.",
                        "schema": _STRING,
                    },
                    "addressing": {
                        "label": "Addressing",
                        "schema": {"type": "string", "enum": ["auto", "path", "virtual"], "default": "auto"},
                    },
                    "encryption": {
                        "label": "Server-side encryption",
                        "description": "AES256 or aws:kms, on top of the vault's own encryption.",
                        "schema": _STRING,
                    },
                    "kms_key": {"label": "KMS key", "schema": _STRING},
                },
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login", "port"],
                    "relabeling": {"host": "Repository", "password": "Repository password"},
                    "placeholders": {"host": "s3:https://oss-cn-hangzhou.aliyuncs.com/bucket/prefix"},
                },
            }
        ],
    }
