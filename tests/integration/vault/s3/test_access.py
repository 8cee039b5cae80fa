"""How an S3 server is reached: certificates, credentials, and a trial of it all."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.errors import (
    StorageDenied,
    StorageError,
)
from migration_ops.vault.location import StoreSettings
from migration_ops.vault.probe import probe
from migration_ops.vault.repository import Repository, init_repository, open_repository
from migration_ops.vault.snapshot import list_snapshots
from tests.integration.vault.fault_proxy import FaultProxy

pytestmark = pytest.mark.s3
PASSWORD = "a password of the tests"


def test_an_untrusted_certificate_is_refused_at_once(s3: Any, bucket: str, settings: StoreSettings) -> None:
    patient = replace(settings, ca_file=None, retry_seconds=3600)  # longer than a test may take
    with pytest.raises(StorageError, match="CA"):
        open_repository(f"s3:{s3.endpoint_tls}/{bucket}/x", PASSWORD, patient)


def test_probe_writes_reads_and_deletes(s3: Any, bucket: str, prefix: str, settings: StoreSettings) -> None:
    summary = probe(f"s3:{s3.endpoint}/{bucket}/{prefix}", settings, size=1 << 20)
    assert summary.bytes == 1 << 20
    assert not summary.repository_exists


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "SignatureDoesNotMatch"])
def test_refused_credentials_are_final(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, code: str
) -> None:
    # Longer than a test may take.
    repo = open_repository(through_proxy, PASSWORD, replace(settings, retry_seconds=3600))
    proxy.decide = lambda method, path, _n: f"403 {code}" if method == "PUT" and "/data/" in path else None
    with pytest.raises(StorageDenied):
        backup(repo, [source], as_root=True)
    assert 1 <= proxy.faults <= 4  # one for each of the uploads at once


def test_expired_credentials_are_read_again_from_their_file(
    s3: Any, bucket: str, prefix: str, settings: StoreSettings, tmp_path: Path
) -> None:
    file = tmp_path / "credentials.json"

    def write(secret: str, seconds: float) -> None:
        expires = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        file.write_text(
            json.dumps({"access_key": s3.access_key, "secret_key": secret, "expires_at": expires})
        )

    write(s3.secret_key, 10)
    location = f"s3:{s3.endpoint}/{bucket}/{prefix}"
    temporary = replace(settings, access_key=None, secret_key=None, credentials_file=str(file))
    repo = init_repository(location, PASSWORD, temporary)
    write("another secret that does not fit", 3600)
    assert _is_denied_at_last(repo)
    write(s3.secret_key, 3600)
    assert list_snapshots(open_repository(location, PASSWORD, temporary)) == []


def _is_denied_at_last(repo: Repository) -> bool:
    """Whether the credentials that the repository was opened with count no more, soon."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            list_snapshots(repo)
        except StorageDenied:
            return True
        time.sleep(0.2)
    return False
