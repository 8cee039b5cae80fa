"""The vault on a real S3 server: there and back, with few requests, and restic agrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.location import StoreSettings
from migration_ops.vault.repository import init_repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.verifier import verify
from tests.integration.vault.fault_proxy import FaultProxy

pytestmark = pytest.mark.s3
PASSWORD = "a password of the tests"


@pytest.mark.parametrize("transport", ["http", "https"])
def test_a_volume_goes_through_s3_and_restic_agrees(
    s3: Any,
    bucket: str,
    prefix: str,
    settings: StoreSettings,
    volume: Path,
    tmp_path: Path,
    transport: str,
    describe: Callable[..., Any],
    make_restic: Callable[..., Any],
    mutate: Callable[[Path], None],
) -> None:
    endpoint = s3.endpoint if transport == "http" else s3.endpoint_tls
    location = f"s3:{endpoint}/{bucket}/{prefix}"
    repo = init_repository(location, PASSWORD, settings)
    first = backup(repo, [volume], as_root=True)
    restore(repo, first.snapshot_id, tmp_path / "target")
    assert describe(tmp_path / "target") == describe(volume)
    mutate(volume)
    second = backup(open_repository(location, PASSWORD, settings), [volume], as_root=True)
    assert second.parent == first.snapshot_id
    summary = restore(repo, second.snapshot_id, tmp_path / "target", base=first.snapshot_id)
    assert summary.base_trusted
    assert describe(tmp_path / "target") == describe(volume)
    restic = make_restic(
        location,
        {
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "RESTIC_CACERT": str(s3.ca_file),
        },
    )
    restic.check()
    restic("forget", "--keep-last", "1", "--group-by", "", "--prune")
    assert check(open_repository(location, PASSWORD, settings), read_data="100%").errors == ()


def test_trees_are_read_with_few_requests(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    for number in range(60):
        (source / f"folder {number}").mkdir(parents=True)
        (source / f"folder {number}/file").write_text(str(number))
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    repo = open_repository(through_proxy, PASSWORD, settings)
    before = proxy.counts["GET"]
    restore(repo, "latest", tmp_path / "target")
    assert verify(repo, "latest", tmp_path / "target").differences == 0
    assert proxy.counts["GET"] - before < 20  # a request for each folder's tree would be 120
