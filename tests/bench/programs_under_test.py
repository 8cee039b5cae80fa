"""The same four tasks for ours, restic and borg."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Measurement, run

_PASSWORD = "bench"


class Ours:
    """migration-ops vault."""

    name = "ours"

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "repository-ours"
        self._environment = {"RESTIC_PASSWORD": _PASSWORD, "RESTIC_REPOSITORY": str(self.repository)}
        self._program = Path(sys.executable).with_name("migration-ops")

    def _run(self, *arguments: str | Path, cwd: Path | None = None) -> Measurement:
        return run([self._program, "vault", *arguments], self._environment, cwd)

    def init(self) -> None:
        """Make an empty repository."""
        shutil.rmtree(self.repository, ignore_errors=True)
        self._run("init")

    def backup(self, source: Path) -> Measurement:
        """Back up a folder."""
        return self._run("backup", source)

    def snapshots(self) -> list[str]:
        """Ids, oldest first."""
        done = subprocess.run(
            [str(self._program), "vault", "snapshots"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.split()[0] for line in done.stdout.splitlines()[:-1]]

    def restore(self, snapshot: str, source: Path, target: Path) -> Measurement:
        """Restore into an empty folder."""
        del source
        return self._run("restore", snapshot, "--target", target)

    def restore_delta(self, snapshot: str, base: str, source: Path, target: Path) -> Measurement:
        """Bring a folder that holds `base` to `snapshot`."""
        del source
        return self._run("restore", snapshot, "--target", target, "--base", base)


class Restic(Ours):
    """restic with its defaults."""

    name = "restic"

    def __init__(self, folder: Path, program: Path) -> None:
        super().__init__(folder)
        self.repository = folder / "repository-restic"
        self._environment |= {
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_CACHE_DIR": str(folder / "restic-cache"),
        }
        self._program = program

    def _run(self, *arguments: str | Path, cwd: Path | None = None) -> Measurement:
        return run([self._program, "-q", *arguments], self._environment, cwd)

    def snapshots(self) -> list[str]:
        """Ids, oldest first."""
        done = subprocess.run(
            [str(self._program), "snapshots", "--compact"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [
            line.split()[0] for line in done.stdout.splitlines() if line[:1].isalnum() and line[8:9] == " "
        ][1:]

    def restore(self, snapshot: str, source: Path, target: Path) -> Measurement:
        """Restore into an empty folder."""
        del source
        return self._run("restore", snapshot, "--target", target)

    def restore_delta(self, snapshot: str, base: str, source: Path, target: Path) -> Measurement:
        """Bring a folder to `snapshot`, trusting size and time of what is there."""
        del base, source
        return self._run("restore", snapshot, "--target", target, "--overwrite", "if-changed", "--delete")


class Borg:
    """borg with zstd."""

    name = "borg"

    def __init__(self, folder: Path, program: Path) -> None:
        self.repository = folder / "repository-borg"
        self._program = program
        self._count = 0
        self._environment = {
            "BORG_PASSPHRASE": _PASSWORD,
            "BORG_REPO": str(self.repository),
            "BORG_BASE_DIR": str(folder / "borg-home"),
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }

    def init(self) -> None:
        """Make an empty repository."""
        shutil.rmtree(self.repository, ignore_errors=True)
        run([self._program, "init", "--encryption", "repokey"], self._environment)

    def backup(self, source: Path) -> Measurement:
        """Back up a folder."""
        self._count += 1
        return run(
            [self._program, "create", "--compression", "zstd,3", f"::{self._count:03d}", source],
            self._environment,
        )

    def snapshots(self) -> list[str]:
        """Names, oldest first."""
        return [f"{number:03d}" for number in range(1, self._count + 1)]

    def restore(self, snapshot: str, source: Path, target: Path) -> Measurement:
        """Restore into an empty folder."""
        del source
        target.mkdir(parents=True, exist_ok=True)
        return run([self._program, "extract", f"::{snapshot}"], self._environment, target)
