"""What the tests on a real S3 server share: a bucket, a proxy that does faults, and files."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from migration_ops.vault.location import StoreSettings
from migration_ops.vault.repository import init_repository
from tests.integration.vault.fault_proxy import FaultProxy

PASSWORD = "a password of the tests"


@pytest.fixture(scope="session")
def bucket(s3: Any) -> Iterator[str]:
    """A bucket of this test process; given back at its end."""
    name = f"vault-tests-{uuid.uuid4().hex[:10]}"
    s3.make_bucket(name)
    yield name
    s3.remove_bucket(name)


@pytest.fixture
def settings(s3: Any) -> StoreSettings:
    """The lab's credentials, and patience that a busy machine does not use up."""
    return StoreSettings(
        s3.access_key,
        s3.secret_key,
        region="us-east-1",
        ca_file=str(s3.ca_file),
        retry_seconds=180,
        stall_seconds=30,
    )


@pytest.fixture
def prefix(s3: Any, bucket: str) -> Iterator[str]:
    """A prefix of this test; emptied afterwards."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    yield name
    store = S3Store(
        bucket,
        endpoint=s3.endpoint,
        region="us-east-1",
        client_options={"allow_http": True},
        access_key_id=s3.access_key,
        secret_access_key=s3.secret_key,
        prefix=name,
    )
    paths = [entry["path"] for page in obstore.list(store) for entry in page]
    if paths:
        obstore.delete(store, paths)


@pytest.fixture
def proxy(s3: Any) -> Iterator[FaultProxy]:
    """A proxy in front of the lab's server, without faults so far."""
    found = FaultProxy(s3.endpoint)
    yield found
    found.close()


@pytest.fixture
def through_proxy(proxy: FaultProxy, bucket: str, prefix: str, settings: StoreSettings) -> str:
    """A new repository that is reached through the proxy."""
    location = f"s3:{proxy.endpoint}/{bucket}/{prefix}"
    init_repository(location, PASSWORD, settings)
    return location


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Files that fill a few packs."""
    root = tmp_path / "source"
    rng = random.Random(31)
    for number in range(12):
        (root / f"folder {number % 3}").mkdir(parents=True, exist_ok=True)
        (root / f"folder {number % 3}/large {number}").write_bytes(rng.randbytes(4_000_000))
    for number in range(300):
        (root / f"small {number}").write_bytes(rng.randbytes(rng.randrange(3000)))
    return root
