"""Airflow's metadata database: the machine's PostgreSQL as a private server, else SQLite."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.demo.process import Background
from tests.demo.workspace import Workspace, lab_name

NAME = "airflow-database"


def free_port(preferred: int = 0, address: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on, the preferred one if possible.

    :raises OSError: when the address isn't one of this machine
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, preferred))
        except OSError:
            probe.bind((address, 0))
        return int(probe.getsockname()[1])


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's server programs, of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def server_user() -> str | None:
    """Return who runs the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def data_folder() -> Path:
    """Return the server's folder; outside of the workspace, which only its owner may enter."""
    return Path(tempfile.gettempdir()) / f"migration-ops-demo-database-{lab_name()}-{os.geteuid()}"


def start(workspace: Workspace) -> str:
    """Start an empty database and return its SQLAlchemy address."""
    programs = binaries()
    if programs is None:
        return f"sqlite:///{workspace.airflow_home / 'airflow.db'}"
    remove(workspace)
    user, folder, password = server_user(), data_folder(), workspace.secret("database-password")
    folder.mkdir(mode=0o700)
    password_file = folder / "password"
    workspace.write_private(password_file, password)
    options: dict[str, Any] = {"cwd": "/"}
    if user:
        shutil.chown(folder, user)
        shutil.chown(password_file, user)
        options |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    made = subprocess.run(
        [
            programs / "initdb", "--pgdata", folder / "data", "--username=airflow",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync",
        ],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"initdb for Airflow's database failed: {made.stderr.strip()}")
    port = free_port(15432)
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    Background(NAME, workspace).start(
        [programs / "postgres", "-D", folder / "data", *arguments], os.environ, **options
    )
    _wait_until_it_answers(programs, port, workspace)
    return f"postgresql+psycopg2://airflow:{password}@127.0.0.1:{port}/postgres"


def remove(workspace: Workspace) -> None:
    """Stop the server and delete its data."""
    Background(NAME, workspace).stop()
    shutil.rmtree(data_folder(), ignore_errors=True)


def _wait_until_it_answers(programs: Path, port: int, workspace: Workspace) -> None:
    server = Background(NAME, workspace)
    command: list[str | Path] = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    for _ in range(100):
        if subprocess.run(command, check=False).returncode == 0:
            return
        if not server.running():
            break
        subprocess.run(["sleep", "0.2"], check=True)
    raise RuntimeError(f"Airflow's database did not start:\n{server.last_lines()}")
