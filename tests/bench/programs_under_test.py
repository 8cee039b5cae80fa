"""The same four tasks for ours, restic and borg."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.bucket import Bucket
from tests.bench.measure import Measurement, run, stored_bytes

_PASSWORD = "bench"


class Ours:
    """migration-ops vault."""

    name = "ours"

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        self.repository = folder / f"repository-{self.name}"
        self._kept = folder / f"kept-{self.name}"
        self._bucket = bucket
        self._kept_keys: dict[str, int] = {}
        self._environment = {"RESTIC_PASSWORD": _PASSWORD, "RESTIC_REPOSITORY": str(self.repository)}
        if bucket is not None:
            self._environment |= {**bucket.environment, "RESTIC_REPOSITORY": bucket.location(self.name)}
        self._program = Path(sys.executable).with_name("migration-ops")

    def _run(self, *arguments: str | Path, cwd: Path | None = None) -> Measurement:
        return run([self._program, "vault", *arguments], self._environment, cwd)

    def init(self) -> None:
        """Make an empty repository."""
        self._clear()
        self._run("init")

    def _clear(self) -> None:
        if self._bucket is None:
            shutil.rmtree(self.repository, ignore_errors=True)
        else:
            self._bucket.remove(self.name, keep=())

    def keep(self) -> None:
        """Remember the repository as it is."""
        if self._bucket is None:
            shutil.copytree(self.repository, self._kept)
        else:
            self._kept_keys = self._bucket.keys(self.name)

    def reset(self) -> None:
        """Bring it back to that."""
        if self._bucket is None:
            shutil.rmtree(self.repository)
            shutil.copytree(self._kept, self.repository)
        else:
            self._bucket.remove(self.name, keep=self._kept_keys)

    def forget_kept(self) -> None:
        """Free what `keep` took."""
        shutil.rmtree(self._kept, ignore_errors=True)

    def stored_bytes(self) -> int:
        """Bytes that the repository takes."""
        keys = self._bucket.keys(self.name) if self._bucket is not None else None
        return sum(keys.values()) if keys is not None else stored_bytes(self.repository)

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

    def __init__(self, folder: Path, program: Path, bucket: Bucket | None = None) -> None:
        super().__init__(folder, bucket)
        self._environment["RESTIC_CACHE_DIR"] = str(folder / "restic-cache")
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

    def __init__(self, folder: Path, program: Sequence[str], environment: Mapping[str, str]) -> None:
        self.repository = folder / "repository-borg"
        self._home = folder / "borg-home"
        self._kept = folder / "kept-borg"
        self._program = program
        self._count = 0
        self._environment = {
            **environment,
            "BORG_PASSPHRASE": _PASSWORD,
            "BORG_REPO": str(self.repository),
            "BORG_BASE_DIR": str(self._home),
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }

    def init(self) -> None:
        """Make an empty repository."""
        shutil.rmtree(self.repository, ignore_errors=True)
        run([*self._program, "init", "--encryption", "repokey"], self._environment)

    def keep(self) -> None:
        """Remember the repository, and what borg knows of it: it refuses one older than its cache."""
        shutil.copytree(self.repository, self._kept / "repository")
        shutil.copytree(self._home, self._kept / "home")

    def reset(self) -> None:
        """Bring it back to that."""
        for kept, there in (("repository", self.repository), ("home", self._home)):
            shutil.rmtree(there)
            shutil.copytree(self._kept / kept, there)

    def forget_kept(self) -> None:
        """Free what `keep` took."""
        shutil.rmtree(self._kept, ignore_errors=True)

    def stored_bytes(self) -> int:
        """Bytes that the repository takes."""
        return stored_bytes(self.repository)

    def backup(self, source: Path) -> Measurement:
        """Back up a folder."""
        self._count += 1
        return run(
            [*self._program, "create", "--compression", "zstd,3", f"::{self._count:03d}", source],
            self._environment,
        )

    def snapshots(self) -> list[str]:
        """Names, oldest first."""
        return [f"{number:03d}" for number in range(1, self._count + 1)]

    def restore(self, snapshot: str, source: Path, target: Path) -> Measurement:
        """Restore into an empty folder."""
        del source
        target.mkdir(parents=True, exist_ok=True)
        return run([*self._program, "extract", f"::{snapshot}"], self._environment, target)
