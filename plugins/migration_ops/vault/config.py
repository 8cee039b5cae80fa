"""The repository's config file: version, id and chunker polynomial."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from migration_ops.vault.backend import Backend, FileKind
from migration_ops.vault.crypto import Key
from migration_ops.vault.errors import MALFORMED, DamagedError, ObjectMissing, RepositoryExists, what_is_wrong
from migration_ops.vault.polynomial import is_irreducible, random_polynomial

VERSION = 2


@dataclass(frozen=True)
class Config:
    """What the config file says; keys that other programs put there are left alone."""

    id: str
    polynomial: int
    version: int = VERSION


def write_config(backend: Backend, key: Key) -> Config:
    """Make and store the config of a new repository."""
    config = Config(os.urandom(32).hex(), random_polynomial())
    document = json.dumps(
        {"version": VERSION, "id": config.id, "chunker_polynomial": f"{config.polynomial:x}"},
        separators=(",", ":"),
    )
    backend.save(FileKind.CONFIG, "", [key.seal(document.encode())])
    return config


def read_config(backend: Backend, key: Key) -> Config:
    """Read and check the config.

    :raises DamagedError: if it can't be decrypted or is not of a version that this engine reads (1 and 2).
    """
    try:
        document = json.loads(bytes(key.open(backend.load(FileKind.CONFIG, ""))))
        config = Config(document["id"], int(document["chunker_polynomial"], 16), document["version"])
    except (DamagedError, *MALFORMED) as error:
        raise DamagedError(
            f"the config file of {backend.location} is damaged: {what_is_wrong(error)}"
        ) from error
    if config.version not in (1, VERSION):
        raise DamagedError(
            f"{backend.location} has format version {config.version}; this engine reads 1 and 2"
        )
    if not is_irreducible(config.polynomial):
        raise DamagedError(f"the config file of {backend.location} is damaged: its polynomial is reducible")
    return config


def refuse_existing(backend: Backend) -> None:
    """Make sure that nothing of a repository is at the location.

    :raises RepositoryExists: if a config, a key or a snapshot is there.
    """
    if config_exists(backend):
        raise RepositoryExists(
            f"{backend.location} already holds a repository; use it, or choose another place"
        )
    for kind in (FileKind.KEY, FileKind.SNAPSHOT):
        if next(iter(backend.list(kind)), None) is not None:
            raise RepositoryExists(
                f"{backend.location} holds {kind.value} of a repository without config; choose an empty place"
            )


def config_exists(backend: Backend) -> bool:
    """Whether a config file is there."""
    try:
        # Not its size: an answer without a body doesn't say whether it is the bucket that is missing.
        backend.load(FileKind.CONFIG, "")
    except ObjectMissing:
        return False
    return True
