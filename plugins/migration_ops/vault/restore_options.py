"""How a restore looks at what is there, and what makes it look in another way."""

from __future__ import annotations

from dataclasses import dataclass

from migration_ops.vault.excludes import Patterns

# Lies in the target while a restore is under way.
JOURNAL_NAME = b".migration-ops-restore"


class BaseMismatch(Exception):  # noqa: N818 - not an error: the restore goes on in another way
    """The folder does not hold the base; the message says what shows it."""


@dataclass(frozen=True)
class RestoreOptions:
    """How to restore.

    :param delete: remove what the snapshot does not have.
    :param trust_base: the folder holds the base; otherwise the base only says what may be removed.
    :param helpers: processes for small files of new folders.
    :param resumed: an earlier run was interrupted: files that differ between the snapshots are compared.
    """

    delete: bool = False
    dry_run: bool = False
    trust_base: bool = False
    resumed: bool = False
    helpers: int = 0
    includes: Patterns | None = None
    excludes: Patterns | None = None
