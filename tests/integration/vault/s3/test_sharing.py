"""Several programs work on one S3 repository at the same time."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.errors import (
    RepositoryLocked,
)
from migration_ops.vault.location import StoreSettings
from migration_ops.vault.lock import Lock
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import init_repository, open_repository
from migration_ops.vault.snapshot import list_snapshots

pytestmark = pytest.mark.s3
PASSWORD = "a password of the tests"


def test_four_writers_at_once_share_one_vault(
    s3: Any,
    bucket: str,
    prefix: str,
    settings: StoreSettings,
    tmp_path: Path,
    make_restic: Callable[..., Any],
) -> None:
    location = f"s3:{s3.endpoint}/{bucket}/{prefix}"
    init_repository(location, PASSWORD, settings)
    environment = {
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    restic = make_restic(location, environment)
    shared = random.Random(34).randbytes(3_000_000)
    sources = []
    for number in range(4):
        folder = tmp_path / f"source {number}"
        folder.mkdir()
        (folder / "shared").write_bytes(shared)
        (folder / "own").write_bytes(random.Random(number).randbytes(2_000_000))
        sources.append(folder)

    def write(number: int) -> None:
        for _ in range(2):
            (sources[number] / "own").write_bytes(os.urandom(2_000_000))
            if number < 2:
                backup(
                    open_repository(location, PASSWORD, settings),
                    [sources[number]],
                    hostname=f"host {number}",
                )
            else:
                restic("backup", "--host", f"host {number}", sources[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    repo = open_repository(location, PASSWORD, settings)
    assert len(list_snapshots(repo)) == 8
    assert check(repo, read_data="100%").errors == ()
    restic.check()


def test_prune_waits_for_nobody_and_harms_nobody(
    s3: Any, bucket: str, prefix: str, settings: StoreSettings, source: Path
) -> None:
    location = f"s3:{s3.endpoint}/{bucket}/{prefix}"
    repo = init_repository(location, PASSWORD, settings)
    backup(repo, [source], as_root=True)
    writer = Lock(repo, exclusive=False)
    writer.acquire()
    try:
        with pytest.raises(RepositoryLocked, match="unlock"):
            prune(open_repository(location, PASSWORD, settings))
    finally:
        writer.release()
    assert prune(open_repository(location, PASSWORD, settings)).packs_kept > 0
