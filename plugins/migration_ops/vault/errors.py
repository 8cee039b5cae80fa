"""What can go wrong with a vault, as a tree.

::

    VaultError                     exit 1
    ├── RepositoryNotFound         exit 10
    ├── RepositoryLocked           exit 11   retryable
    ├── WrongPassword              exit 12
    ├── Interrupted                exit 130  retryable
    ├── HelperFailed               exit 1    retryable
    ├── RepositoryExists
    ├── SnapshotNotFound
    ├── UsageError
    ├── DamagedError               stored bytes are not what their name or MAC says
    └── StorageError               the local disk or S3 refused
        ├── ObjectMissing
        ├── StorageDenied
        └── StorageUnavailable     retryable

The exit codes are restic's own. ``retryable`` says whether the same call may succeed when it is simply made
again later; schedulers decide by it.
"""

from __future__ import annotations

import json
from typing import ClassVar


class VaultError(Exception):
    """Something that the vault could not do; the message names the object, the reason and the remedy."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class RepositoryNotFound(VaultError):  # noqa: N818 - named as restic's exit code is
    """There is no repository at the given location."""

    exit_code = 10


class RepositoryLocked(VaultError):  # noqa: N818
    """Another process holds a lock that conflicts with the one asked for."""

    exit_code = 11
    retryable = True


class WrongPassword(VaultError):  # noqa: N818
    """No key of the repository opens with the given password."""

    exit_code = 12


class Interrupted(VaultError):  # noqa: N818
    """The work was asked to stop (signal or ``--stop-at``) and stopped cleanly; run it again to go on."""

    exit_code = 130
    retryable = True


class HelperFailed(VaultError):  # noqa: N818
    """A process that did a part of the work has ended, or met what ends the work as a whole."""

    retryable = True


class RepositoryExists(VaultError):  # noqa: N818
    """``init`` found a repository, or parts of one, at the location."""


class SnapshotNotFound(VaultError):  # noqa: N818
    """No snapshot, or more than one, matches what was asked for."""


class UsageError(VaultError):
    """The request makes no sense as asked, whatever the repository holds."""


class DamagedError(VaultError):
    """Stored bytes do not fit their name, their MAC or their format."""


class StorageError(VaultError):
    """The place that stores the repository refused an operation for good."""


class ObjectMissing(StorageError):  # noqa: N818
    """A file of the repository is not there."""


class StorageDenied(StorageError):  # noqa: N818
    """The credentials do not allow the operation, or have expired for good."""


class StorageUnavailable(StorageError):  # noqa: N818
    """The storage did not answer properly in spite of retries."""

    retryable = True


# What reading a document that is not shaped as it should be raises.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError)


def what_is_wrong(error: Exception) -> str:
    """Why a document could not be read, in words that say something of it and not of Python."""
    if isinstance(error, VaultError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    if isinstance(error, UnicodeDecodeError | json.JSONDecodeError):
        return "it is no JSON"
    return "a part of it is not of the kind that it must be"
