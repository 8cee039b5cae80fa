"""The vault: a backup engine that reads and writes restic repositories, format version 2.

It knows files and object stores, not Kubernetes and not Airflow. The names below are all that other packages
use; each is imported when it is first asked for, so that a mover starts quickly.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migration_ops.vault.backup import backup
    from migration_ops.vault.backup_counts import BackupSummary
    from migration_ops.vault.browse import list_files, read_file
    from migration_ops.vault.checker import CheckSummary, check
    from migration_ops.vault.errors import (
        DamagedError,
        Interrupted,
        RepositoryExists,
        RepositoryLocked,
        RepositoryNotFound,
        SnapshotNotFound,
        StorageDenied,
        StorageError,
        StorageUnavailable,
        UsageError,
        VaultError,
        WrongPassword,
    )
    from migration_ops.vault.location import StoreSettings
    from migration_ops.vault.lock import unlock
    from migration_ops.vault.probe import ProbeSummary, probe, try_writing
    from migration_ops.vault.pruner import PruneSummary, prune
    from migration_ops.vault.repository import Repository, init_repository, open_repository
    from migration_ops.vault.restore import restore
    from migration_ops.vault.restore_counts import RestoreSummary
    from migration_ops.vault.retention import Policy, forget
    from migration_ops.vault.snapshot import Snapshot, find_snapshot, list_snapshots
    from migration_ops.vault.stopping import StopRequest
    from migration_ops.vault.verifier import VerifySummary, verify

_HOMES = {
    "backup": "backup",
    "BackupSummary": "backup_counts",
    "list_files": "browse",
    "read_file": "browse",
    "CheckSummary": "checker",
    "check": "checker",
    "DamagedError": "errors",
    "Interrupted": "errors",
    "RepositoryExists": "errors",
    "RepositoryLocked": "errors",
    "RepositoryNotFound": "errors",
    "SnapshotNotFound": "errors",
    "StorageDenied": "errors",
    "StorageError": "errors",
    "StorageUnavailable": "errors",
    "UsageError": "errors",
    "VaultError": "errors",
    "WrongPassword": "errors",
    "StoreSettings": "location",
    "unlock": "lock",
    "ProbeSummary": "probe",
    "probe": "probe",
    "try_writing": "probe",
    "PruneSummary": "pruner",
    "prune": "pruner",
    "Repository": "repository",
    "init_repository": "repository",
    "open_repository": "repository",
    "restore": "restore",
    "RestoreSummary": "restore_counts",
    "Policy": "retention",
    "forget": "retention",
    "Snapshot": "snapshot",
    "find_snapshot": "snapshot",
    "list_snapshots": "snapshot",
    "StopRequest": "stopping",
    "VerifySummary": "verifier",
    "verify": "verifier",
}

__all__ = [
    "BackupSummary",
    "CheckSummary",
    "DamagedError",
    "Interrupted",
    "Policy",
    "ProbeSummary",
    "PruneSummary",
    "Repository",
    "RepositoryExists",
    "RepositoryLocked",
    "RepositoryNotFound",
    "RestoreSummary",
    "Snapshot",
    "SnapshotNotFound",
    "StopRequest",
    "StorageDenied",
    "StorageError",
    "StorageUnavailable",
    "StoreSettings",
    "UsageError",
    "VaultError",
    "VerifySummary",
    "WrongPassword",
    "backup",
    "check",
    "find_snapshot",
    "forget",
    "init_repository",
    "list_files",
    "list_snapshots",
    "open_repository",
    "probe",
    "prune",
    "read_file",
    "restore",
    "try_writing",
    "unlock",
    "verify",
]


class _Package(types.ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the module `backup` would hide the function of that name.
        if name not in _HOMES or not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
