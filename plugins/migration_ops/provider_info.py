"""What Airflow shows of this package: the connection types and their forms."""

from __future__ import annotations

from typing import Any

_STRING = {"type": ["string", "null"]}

_ACK = {
    "connection-type": "migration_ops_ack",
    "hook-class-name": "migration_ops.hooks.ack.AckHook",
    "hook-name": "Alibaba Cloud ACK cluster",
    "conn-fields": {
        "access_key_id": {"label": "AccessKey ID", "schema": _STRING},
        "access_key_secret": {"label": "AccessKey secret", "schema": _STRING | {"format": "password"}},
        "security_token": {
            "label": "Security token",
            "description": "Only with a temporary key (STS).",
            "schema": _STRING | {"format": "password"},
        },
        "region": {"label": "Region", "description": "For example cn-hangzhou.", "schema": _STRING},
        "cluster": {"label": "Cluster", "description": "Name or ID.", "schema": _STRING},
        "network": {
            "label": "Network",
            "description": "Whose address of the API server is used, and how an agent connects.",
            "schema": {"type": "string", "enum": ["public", "internal"], "default": "public"},
        },
        "minutes": {
            "label": "Kubeconfig holds (minutes)",
            "description": "15 to 4320; it is renewed with a third of that left.",
            "schema": {"type": ["integer", "null"], "minimum": 15, "maximum": 4320, "default": 720},
        },
        "create": {
            "label": "Make it like this",
            "description": "JSON with fields of CreateCluster, for when there is no such cluster.",
            "schema": _STRING,
        },
        "agent_conn_id": {
            "label": "Direct connection",
            "description": "Kubernetes connection that reaches a registered cluster without ACK One.",
            "schema": _STRING,
        },
        "components": {
            "label": "Components",
            "description": "Add-ons that the cluster must have, for example csi-plugin csi-provisioner.",
            "schema": _STRING,
        },
        "endpoint": {
            "label": "API endpoint",
            "description": "If not the region's public one.",
            "schema": _STRING,
        },
    },
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "password", "host", "port"],
        "relabeling": {},
        "placeholders": {},
    },
}


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
                        "description": "Connection of type aws whose keys (or role) are used instead of "
                        "those below; the recommended way.",
                        "schema": _STRING,
                    },
                    "access_key": {
                        "label": "Access key",
                        "description": "The bucket's, if no AWS connection is named; of a RAM user for OSS.",
                        "schema": _STRING,
                    },
                    "secret_key": {
                        "label": "Secret key",
                        "description": "Belongs to the access key.",
                        "schema": _STRING | {"format": "password"},
                    },
                    "session_token": {
                        "label": "Session token",
                        "description": "Only with temporary keys, which have to outlive the movers.",
                        "schema": _STRING | {"format": "password"},
                    },
                    "region": {
                        "label": "Region",
                        "description": "What requests are signed for, for example oss-cn-hangzhou.",
                        "schema": _STRING,
                    },
                    "ca": {
                        "label": "Certificate authority",
                        "description": "PEM text or a file's path; only for endpoints with a private one.",
                        "schema": _STRING,
                    },
                    "addressing": {
                        "label": "Addressing",
                        "description": "virtual puts the bucket into the host name (OSS wants that), path "
                        "after it; auto does what the host is known to want.",
                        "schema": {"type": "string", "enum": ["auto", "path", "virtual"], "default": "auto"},
                    },
                    "encryption": {
                        "label": "Server-side encryption",
                        "description": "Done by the bucket, on top of the vault's own encryption.",
                        "schema": {"type": ["string", "null"], "enum": ["AES256", "aws:kms", None]},
                    },
                    "kms_key": {
                        "label": "KMS key",
                        "description": "Key id, only with aws:kms; the bucket's default key when left out.",
                        "schema": _STRING,
                    },
                },
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login", "port"],
                    "relabeling": {"host": "Repository", "password": "Repository password"},
                    "placeholders": {"host": "s3:https://s3.oss-cn-hangzhou.aliyuncs.com/bucket/prefix"},
                },
            },
            _ACK,
        ],
    }
