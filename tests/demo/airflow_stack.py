"""Airflow as processes, with a home, a database and connections of its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from tests.demo import metadata_database
from tests.demo.airflow_api import AirflowApi
from tests.demo.metadata_database import free_port
from tests.demo.process import Background, stop_together
from tests.demo.progress import Progress
from tests.demo.workspace import REPOSITORY, Workspace

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
USER = "admin"
BYSTANDER = "somebody"
"""A user who may operate DAGs, and is assigned to no approval."""


class AirflowStack:
    """The demo's Airflow.

    :param workspace: keeps home, logs and process records
    :param progress: told of each step
    :param settings: further variables of its processes
    """

    def __init__(
        self, workspace: Workspace, progress: Progress, settings: Mapping[str, str] | None = None
    ) -> None:
        self.workspace = workspace
        self.progress = progress
        self.settings = dict(settings or {})

    @property
    def address(self) -> str:
        """Address of the UI and the REST API; empty while nothing runs."""
        return str(self.workspace.facts().get("airflow", ""))

    @property
    def password(self) -> str:
        """Password of the user ``admin``."""
        return self.workspace.secret("airflow-password")

    def api(self, user: str = USER) -> AirflowApi:
        """Return a client of the REST API."""
        return AirflowApi(self.address, user, self.password, self.progress)

    def component(self, name: str) -> Background:
        """Return one of the processes, for tests that stop and start it."""
        return Background(f"airflow-{name}", self.workspace)

    def connect(self, connections: Mapping[str, Mapping[str, object]]) -> None:
        """Make connections known; Airflow reads their file whenever it needs one.

        :param connections: by id, in Airflow's JSON form
        """
        path = self.workspace.airflow_home / "connections.json"
        self.workspace.write_private(path, json.dumps(connections))

    def start(self) -> None:
        """Start everything anew with an empty database and no connections, and wait until it is healthy."""
        self.stop()
        port = free_port(int(os.environ.get("DEMO_AIRFLOW_PORT", "8080")))
        home = self.workspace.airflow_home
        self.connect({})
        self.workspace.write_private(
            home / "passwords.json", json.dumps(dict.fromkeys((USER, BYSTANDER), self.password))
        )
        environment = self._environment(metadata_database.start(self.workspace), port)
        self.workspace.write_private(home / "environment.json", json.dumps(environment))
        self.workspace.remember(airflow=f"http://127.0.0.1:{port}")
        self._migrate(environment)
        for name in COMPONENTS:
            self.start_component(name)
        self._wait_until_healthy()

    def start_component(self, name: str) -> None:
        """Start one process with the settings of the last :meth:`start`."""
        environment = json.loads((self.workspace.airflow_home / "environment.json").read_text())
        self.component(name).start([sys.executable, "-m", "airflow", name], environment, cwd=REPOSITORY)

    def stop(self) -> None:
        """Stop the processes and remove home and database."""
        stop_together([self.component(name) for name in COMPONENTS])
        metadata_database.remove(self.workspace)
        shutil.rmtree(self.workspace.airflow_home, ignore_errors=True)

    def _environment(self, database: str, port: int) -> dict[str, str]:
        home, address = self.workspace.airflow_home, f"http://127.0.0.1:{port}"
        own = {
            "AIRFLOW_HOME": home,
            "AIRFLOW__API__BASE_URL": address,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__SECRET_KEY": self.workspace.secret("airflow-api-key"),
            "AIRFLOW__API__WORKERS": 1,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.workspace.secret("airflow-jwt"),
            "AIRFLOW__CORE__DAGS_FOLDER": REPOSITORY / "dags",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": self._fernet_key(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": False,
            "AIRFLOW__CORE__PARALLELISM": 6,
            "AIRFLOW__CORE__PLUGINS_FOLDER": REPOSITORY / "plugins",
            "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "kube_config,kubeconfig",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{BYSTANDER}:op",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 120,
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": 10,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": free_port(8794),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": free_port(8793),
            # Short steps follow each other quickly here; a second of idling between them would be downtime.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.25,
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
                {"connections_file_path": str(home / "connections.json")}
            ),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": False,
            "PYTHONUNBUFFERED": 1,
        }
        # Settings of another Airflow on this machine, and KUBECONFIG, must not reach this one.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "KUBECONFIG", "PYTEST_"))
        }
        return {**inherited, **{name: str(value) for name, value in own.items()}, **self.settings}

    def _fernet_key(self) -> str:
        return base64.urlsafe_b64encode(self.workspace.secret("airflow-fernet").encode()[:32]).decode()

    def _migrate(self, environment: Mapping[str, str]) -> None:
        log = self.workspace.logs / "airflow-db-migrate.log"
        with log.open("wb") as file:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            done = subprocess.run(command, env=environment, stdout=file, stderr=file, check=False)
        if done.returncode:
            raise RuntimeError(f"airflow db migrate failed:\n{log.read_text(errors='replace')[-2000:]}")

    def _wait_until_healthy(self) -> None:
        with self.api() as api:

            def healthy() -> bool:
                for name in COMPONENTS:
                    component = self.component(name)
                    if not component.running():
                        raise RuntimeError(f"Airflow's {name} ended:\n{component.last_lines()}")
                return api.unhealthy() == []

            self.progress.wait_for("Airflow healthy", healthy, seconds=300, pause=1.0)
