"""Where the demo keeps what it needs while it runs: settings, logs, ledger, records of its processes."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def lab_name() -> str:
    """Return the lab that the demo uses; two demos on one machine each need their own."""
    return os.environ.get("MIGRATION_OPS_LAB") or "main"


def default_folder() -> Path:
    """Return the demo's folder in the project's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = "demo" if lab_name() == "main" else f"demo-{lab_name()}"
    return cache / "migration-ops" / name


def log_folder() -> Path:
    """Return where the demo's logs are, also when there is no demo."""
    return default_folder() / "logs"


class Workspace:
    """The demo's folder, readable by its user only.

    :param folder: the folder; by default ``demo`` in the project's cache
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)

    @property
    def logs(self) -> Path:
        """Folder of the processes' logs."""
        return self._made("logs")

    @property
    def processes(self) -> Path:
        """Folder of the records of running processes."""
        return self._made("processes")

    @property
    def airflow_home(self) -> Path:
        """Airflow's home."""
        return self._made("airflow")

    @property
    def ledger(self) -> Path:
        """File of acknowledged orders."""
        return self.folder / "ledger.jsonl"

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True, mode=0o700)
        return path

    def secret(self, name: str) -> str:
        """Return a random secret that is made at the first call and stays until :meth:`clear`."""
        path = self._made("secrets") / name
        if not path.exists():
            self.write_private(path, secrets.token_urlsafe(24))
        return path.read_text()

    @staticmethod
    def write_private(path: Path, text: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        unfinished = path.with_name(path.name + ".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        unfinished.replace(path)

    def remember(self, **facts: object) -> None:
        """Keep facts of the running demo (addresses, names) for later commands and tests."""
        self.write_private(self.folder / "demo.json", json.dumps({**self.facts(), **facts}, indent=2))

    def facts(self) -> dict[str, object]:
        """Return what was remembered; nothing where there is no demo."""
        path = self.folder / "demo.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def clear(self) -> None:
        """Remove everything but the logs of the last run."""
        for path in self.folder.iterdir():
            if path.name in {"logs", "lock"}:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the demo's lock.

        :raises RuntimeError: when another ``up`` or ``down`` runs
        """
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(
                    f"another demo is being started or stopped ({self.folder / 'lock'} is held); wait"
                ) from None
            yield
