"""No task leaves a kubeconfig's private key in the folder for temporary files."""

from __future__ import annotations

import base64
from pathlib import Path

from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
from kubernetes import client, config

from migration_ops import key_files
from migration_ops.plugin import MigrationOpsPlugin

KEY = "a private key, for all the client knows"


def write_key_file() -> Path:
    """Say where the client wrote a kubeconfig's key in this process."""
    text = base64.b64encode(KEY.encode()).decode()
    settings = client.Configuration()
    config.load_kube_config_from_dict(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "somebody"}}],
            "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [
                {
                    "name": "somebody",
                    "user": {"client-certificate-data": text, "client-key-data": text},
                }
            ],
        },
        client_configuration=settings,
        persist_config=False,
    )
    return Path(settings.key_file)


def test_a_task_that_ends_removes_what_the_client_wrote() -> None:
    key_file = write_key_file()
    assert key_file.read_text() == KEY
    key_files.before_stopping(component=TaskRunnerMarker())
    assert not key_file.exists()


def test_a_process_that_lives_long_keeps_what_its_connections_still_read() -> None:
    key_file = write_key_file()
    key_files.before_stopping(component=object())
    assert key_file.exists()


def test_a_later_connection_has_its_files_again() -> None:
    assert not removed(write_key_file()).exists()
    assert write_key_file().exists()


def removed(key_file: Path) -> Path:
    """Remove all key files; gives back the name."""
    key_files.remove_key_files()
    return key_file


def test_airflow_knows_the_listener() -> None:
    assert key_files in MigrationOpsPlugin.listeners
