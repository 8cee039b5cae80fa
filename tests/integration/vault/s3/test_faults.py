"""What networks and servers do in between is noticed, tried again, and never believed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.errors import DamagedError, StorageUnavailable
from migration_ops.vault.location import StoreSettings
from migration_ops.vault.lock import locked
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.retention import Policy, forget
from migration_ops.vault.snapshot import list_snapshots
from migration_ops.vault.verifier import verify
from tests.integration.vault.fault_proxy import FaultProxy

pytestmark = pytest.mark.s3
PASSWORD = "a password of the tests"


def _assert_good(location: str, settings: StoreSettings, source: Path, target: Path) -> None:
    repo = open_repository(location, PASSWORD, settings)
    assert check(repo, read_data="100%").errors == ()
    assert restore(repo, "latest", target).errors == ()
    assert verify(repo, "latest", target).differences == 0
    assert (target / "folder 1/large 1").read_bytes() == (source / "folder 1/large 1").read_bytes()


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
    with locked(repo, exclusive=True):
        pass  # nobody holds a lock
    backup(open_repository(through_proxy, PASSWORD, settings), [source], as_root=True)
    _assert_good(through_proxy, settings, source, tmp_path / "target")


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
