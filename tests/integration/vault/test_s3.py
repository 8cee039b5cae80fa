"""The vault on a real S3 server, with what networks and servers do to it in between."""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.errors import (
    DamagedError,
    RepositoryLocked,
    StorageDenied,
    StorageError,
    StorageUnavailable,
)
from migration_ops.vault.location import StoreSettings
from migration_ops.vault.lock import Lock
from migration_ops.vault.probe import probe
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import init_repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.retention import Policy, forget
from migration_ops.vault.snapshot import list_snapshots
from migration_ops.vault.verifier import verify
from tests.integration.vault.fault_proxy import FaultProxy

pytestmark = pytest.mark.s3
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


def _assert_good(location: str, settings: StoreSettings, source: Path, target: Path) -> None:
    repo = open_repository(location, PASSWORD, settings)
    assert check(repo, read_data="100%").errors == ()
    assert restore(repo, "latest", target).errors == ()
    assert verify(repo, "latest", target).differences == 0
    assert (target / "folder 1/large 1").read_bytes() == (source / "folder 1/large 1").read_bytes()


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


def test_an_untrusted_certificate_is_refused_at_once(s3: Any, bucket: str, settings: StoreSettings) -> None:
    started = time.monotonic()
    with pytest.raises(StorageError, match="CA"):
        open_repository(f"s3:{s3.endpoint_tls}/{bucket}/x", PASSWORD, replace(settings, ca_file=None))
    assert time.monotonic() - started < 15


def test_probe_writes_reads_and_deletes(s3: Any, bucket: str, prefix: str, settings: StoreSettings) -> None:
    summary = probe(f"s3:{s3.endpoint}/{bucket}/{prefix}", settings, size=1 << 20)
    assert summary.bytes == 1 << 20
    assert not summary.repository_exists


@pytest.mark.parametrize(
    ("fault", "share"), [("503", 0.3), ("500", 0.1), ("reset", 0.1), ("lost", 0.1), ("cut", 0.1)]
)
def test_a_server_that_fails_now_and_then_is_asked_again(
    proxy: FaultProxy,
    through_proxy: str,
    settings: StoreSettings,
    source: Path,
    tmp_path: Path,
    fault: str,
    share: float,
) -> None:
    rng = random.Random(32)
    proxy.decide = lambda _m, _p, _n: fault if rng.random() < share else None
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    _assert_good(through_proxy, settings, source, tmp_path / "target")
    assert proxy.faults > 0


def test_a_stalled_request_is_given_up_and_made_again(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, tmp_path: Path
) -> None:
    stalled: list[str] = []

    def decide(method: str, path: str, _number: int) -> str | None:
        if "/data/" in path and method in ("PUT", "GET") and stalled.count(method) < 1:
            stalled.append(method)
            return "stall"
        return None

    proxy.decide = decide
    watchful = replace(settings, stall_seconds=3)
    backup(open_repository(through_proxy, PASSWORD, watchful), [source], as_root=True)
    _assert_good(through_proxy, watchful, source, tmp_path / "target")
    assert sorted(stalled) == ["GET", "PUT"]


@pytest.mark.parametrize("fault", ["forget", "shrink"])
def test_an_upload_that_was_not_stored_whole_is_noticed(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, tmp_path: Path, fault: str
) -> None:
    done: list[str] = []

    def decide(method: str, path: str, _number: int) -> str | None:
        wanted = "PUT" if fault == "forget" else "HEAD"
        if method == wanted and "/data/" in path and len(done) < 2:
            done.append(path)
            return fault
        return None

    proxy.decide = decide
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    assert len(done) == 2
    _assert_good(through_proxy, settings, source, tmp_path / "target")


def test_an_outage_ends_in_a_clear_error_and_the_next_run_goes_on(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, tmp_path: Path
) -> None:
    impatient = replace(settings, retry_seconds=3)
    stored = 0

    def decide(method: str, path: str, _number: int) -> str | None:
        nonlocal stored
        if method == "PUT" and "/data/" in path:
            stored += 1
            return "503" if stored > 2 else None
        return None

    proxy.decide = decide
    repo = open_repository(through_proxy, PASSWORD, impatient)
    with pytest.raises(StorageUnavailable) as caught:
        backup(repo, [source], as_root=True)
    assert caught.value.retryable
    proxy.decide = lambda _m, _p, _n: None
    with _ExclusiveLock(repo):
        pass
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    _assert_good(through_proxy, settings, source, tmp_path / "target")


class _ExclusiveLock:
    """Nobody holds a lock: an exclusive one can be had."""

    def __init__(self, repo: Any) -> None:
        self._lock = Lock(repo, exclusive=True)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "SignatureDoesNotMatch"])
def test_refused_credentials_are_final(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, code: str
) -> None:
    repo = open_repository(through_proxy, PASSWORD, replace(settings, retry_seconds=600))
    proxy.decide = lambda method, path, _n: f"403 {code}" if method == "PUT" and "/data/" in path else None
    started = time.monotonic()
    with pytest.raises(StorageDenied):
        backup(repo, [source], as_root=True)
    assert time.monotonic() - started < 30


def test_expired_credentials_are_read_again_from_their_file(
    s3: Any, bucket: str, prefix: str, settings: StoreSettings, tmp_path: Path
) -> None:
    file = tmp_path / "credentials.json"

    def write(secret: str, seconds: float) -> None:
        expires = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        file.write_text(
            json.dumps({"access_key": s3.access_key, "secret_key": secret, "expires_at": expires})
        )

    write(s3.secret_key, 3)
    location = f"s3:{s3.endpoint}/{bucket}/{prefix}"
    temporary = replace(settings, access_key=None, secret_key=None, credentials_file=str(file))
    repo = init_repository(location, PASSWORD, temporary)
    write("another secret that does not fit", 3600)
    time.sleep(3.5)
    with pytest.raises(StorageDenied):
        list_snapshots(repo)
    write(s3.secret_key, 3600)
    assert list_snapshots(open_repository(location, PASSWORD, temporary)) == []


def test_lists_that_name_keys_twice_change_nothing(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, tmp_path: Path
) -> None:
    proxy.decide = lambda method, path, _n: "double list" if method == "GET" and "list-type" in path else None
    repo = open_repository(through_proxy, PASSWORD, settings)
    backup(repo, [source], as_root=True)
    backup(repo, [source], as_root=True)
    assert len(list_snapshots(repo)) == 2
    forget(repo, policy=Policy(last=1))
    prune(repo)
    _assert_good(through_proxy, settings, source, tmp_path / "target")


def test_a_list_that_lags_never_makes_prune_delete_what_is_needed(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, tmp_path: Path
) -> None:
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    proxy.decide = lambda _m, path, _n: "short list" if "list-type" in path and "%2Fdata" in path else None
    with pytest.raises(DamagedError, match="nothing was pruned"):
        prune(open_repository(through_proxy, PASSWORD, settings))
    proxy.decide = lambda _m, path, _n: "short list" if "list-type" in path and "%2Findex" in path else None
    with pytest.raises(DamagedError, match="nothing was pruned"):
        prune(open_repository(through_proxy, PASSWORD, settings))
    proxy.decide = lambda _m, _p, _n: None
    _assert_good(through_proxy, settings, source, tmp_path / "target")


def test_a_byte_that_changes_on_the_way_is_read_again(
    proxy: FaultProxy, through_proxy: str, settings: StoreSettings, source: Path, tmp_path: Path
) -> None:
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    rng = random.Random(33)
    proxy.decide = lambda method, path, _n: (
        "flip" if method == "GET" and "/data/" in path and rng.random() < 0.2 else None
    )
    repo = open_repository(through_proxy, PASSWORD, settings)
    target = tmp_path / "target"
    restored = restore(repo, "latest", target)
    proxy.decide = lambda _m, _p, _n: None
    assert proxy.faults > 0
    bad = {item for item, _ in restored.errors}
    for path in source.rglob("*"):
        name = "/" + str(path.relative_to(source))
        if path.is_file() and name not in bad:
            assert (target / name[1:]).read_bytes() == path.read_bytes()


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
