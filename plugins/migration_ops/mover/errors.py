"""What can go wrong with a mover.

MoverError
├── MoverFailedError     the vault program ended with an error, or its pod was lost
├── MoverNotStartedError the pod didn't start in time: image, scheduling, volume, quota
├── MoverConflictError   a Job of that name isn't ours
├── ClaimHeldError       an application mounts the claim that would be overwritten
└── ExecError            a command could not be run in a container
"""

from __future__ import annotations


class MoverError(Exception):
    """A mover can't be run or didn't do its work.

    :param retryable: whether the same mover may succeed when it is started again.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class MoverFailedError(MoverError):
    """The vault program ended with an error, or its pod was lost."""


class MoverNotStartedError(MoverError):
    """The mover's pod didn't start in time."""


class MoverConflictError(MoverError):
    """A Job of the mover's name exists and isn't ours."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class ClaimHeldError(MoverError):
    """A claim that would be written to is in use, or somebody else's.

    Not retried: when the application's pod ends by itself, what it wrote counts all the same.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class ExecError(MoverError):
    """A command could not be run in a container."""
