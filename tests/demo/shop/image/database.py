"""Entry point of the shop's database: PostgreSQL with its data on one volume and its log on another.

At the first start it makes the database and fills it. A start that was killed half-way leaves no marker, so
the next one begins anew.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

BINARIES = Path("/usr/lib/postgresql/15/bin")
DATA = Path("/var/lib/postgresql/data")
LOG = Path("/var/lib/postgresql/wal")
CLUSTER = DATA / "pgdata"
WAL = LOG / "pg_wal"
SEEDED = DATA / "seeded"
SETTINGS = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "48MB",
    "min_wal_size": "32MB",
    "wal_recycle": "off",
    "checkpoint_timeout": "60s",
    "shared_buffers": "64MB",
    "jit": "off",
    "autovacuum_naptime": "5min",
}


def as_postgres(*command: str | Path, **environment: str) -> None:
    """Run a command as the user of the database and wait for it."""
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user="postgres",
        group="postgres",
        extra_groups=[],
        cwd="/",
        env={"PATH": f"{BINARIES}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
    )


def create() -> None:
    """Make the database, its user and its data; the marker is written last."""
    for leftover in (CLUSTER, WAL):
        shutil.rmtree(leftover, ignore_errors=True)
    as_postgres(
        BINARIES / "initdb",
        "--pgdata",
        CLUSTER,
        "--waldir",
        WAL,
        "--encoding=UTF8",
        "--auth-local=peer",
        "--no-sync",
    )
    with (CLUSTER / "postgresql.conf").open("a") as settings:
        settings.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
    with (CLUSTER / "pg_hba.conf").open("a") as access:
        access.write("host all all 0.0.0.0/0 scram-sha-256\n")
    as_postgres(
        BINARIES / "pg_ctl", "start", "-w", "-s", "-D", CLUSTER, "-o", "-c listen_addresses='' -c fsync=off"
    )
    password = os.environ["POSTGRES_PASSWORD"].replace("'", "''")
    as_postgres(
        "psql", "-q", "-c", f"CREATE ROLE shop LOGIN PASSWORD '{password}'", "-c", "CREATE DATABASE shop"
    )
    as_postgres("psql", "-q", "-d", "shop", "-f", "/shop/seed.sql")
    as_postgres(BINARIES / "pg_ctl", "stop", "-w", "-s", "-m", "fast", "-D", CLUSTER)
    os.sync()
    SEEDED.touch()


def serve() -> int:
    """Run PostgreSQL until it ends; Kubernetes' TERM becomes its fast shutdown, which waits for no client."""
    server = subprocess.Popen(
        [str(BINARIES / "postgres"), "-D", str(CLUSTER), "-c", "listen_addresses=*"],
        user="postgres",
        group="postgres",
        extra_groups=[],
        cwd="/",
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return server.wait()


def main() -> int:
    """Prepare the volumes, make the database where there is none, and serve."""
    user = pwd.getpwnam("postgres")
    Path("/var/run/postgresql").mkdir(parents=True, exist_ok=True)
    for folder in (DATA, LOG, Path("/var/run/postgresql")):
        os.chown(folder, user.pw_uid, user.pw_gid)
    (CLUSTER / "postmaster.pid").unlink(missing_ok=True)
    if not SEEDED.exists():
        print("making the database and its data", flush=True)
        create()
    return serve()


if __name__ == "__main__":
    sys.exit(main())
