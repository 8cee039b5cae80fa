"""The API server goes away in the middle: work goes on when it is back, and nothing is missing or double."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from migration_ops.cluster import (
    Cluster,
    ClusterUnreachable,
    Selection,
    apply,
    capture,
    quiesce,
    reference_of,
    resume,
    roll_back,
    wait_ready,
)
from tests.lab import Lab, preflight
from tests.lab.cluster import LabCluster

from .conftest import Manifest, create, deployment, obj, read

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

OBJECTS = 600


@pytest.fixture(scope="module")
def own() -> Iterator[LabCluster]:
    """A cluster of this module's own: its API server may be stopped without disturbing other tests."""
    missing = preflight()
    if missing:
        pytest.skip(f"the lab can't run here: {'; '.join(missing)}")
    lab = Lab.up("clusterfaults", clusters=["target"], with_s3=False, with_mover=False)
    yield lab.target
    lab.down()


@pytest.fixture
def cluster(own: LabCluster) -> Iterator[Cluster]:
    """A connection to it."""
    connection = Cluster.from_kubeconfig(own.kubeconfig, name="own", retry_seconds=90)
    yield connection
    connection.close()


@pytest.fixture
def restart(own: LabCluster) -> Iterator[Callable[[float], None]]:
    """Kills the API server and brings it back after some seconds, in the background."""
    threads: list[threading.Thread] = []

    def begin(away_seconds: float) -> None:
        def work() -> None:
            own.stop("apiserver", hard=True)
            time.sleep(away_seconds)
            own.start("apiserver")

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join()


def many(space: str) -> list[Manifest]:
    """A namespace full of ConfigMaps and Secrets."""
    objects = [obj("Namespace", None, space)]
    for number in range(OBJECTS // 2):
        objects.append(obj("ConfigMap", space, f"c-{number}", data={"text": "x" * 2000}))
        objects.append(obj("Secret", space, f"s-{number}", data={"a": "Yg=="}))
    return objects


def test_apply_survives_a_restart(cluster: Cluster, unique: str, restart: Callable[[float], None]) -> None:
    seen = 0

    def count(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == OBJECTS // 4:
            restart(3)

    results = apply(cluster, many(unique), plan="p", run=unique, on_result=count)

    # An answer that the server could not send any more: the repeated request finds the object unchanged.
    assert {one.action for one in results} <= {"created", "unchanged"}
    assert len(results) == OBJECTS + 1
    for kind in ("configmaps", "secrets"):
        selector = {"labelSelector": f"migration-ops.io/run={unique}"}
        there = cluster.get(f"/api/v1/namespaces/{unique}/{kind}", query=selector)["items"]
        assert len(there) == OBJECTS // 2
    again = apply(cluster, many(unique), plan="p", run=unique)
    assert {one.action for one in again} == {"unchanged"}


def test_capture_survives_a_restart(
    cluster: Cluster, unique: str, restart: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration_ops.cluster.listing.PAGE", 20)  # many pages, so that it is in the middle
    apply(cluster, many(unique), plan="p", run=unique)
    selection = Selection(namespaces_include=(unique,))
    before = capture(cluster, selection)

    asked = 0
    plain = Cluster.request

    def counting(self: Cluster, method: str, path: str, **options: object) -> object:
        nonlocal asked
        asked += 1
        if asked == 60:
            restart(3)
        return plain(self, method, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Cluster, "request", counting)
    after = capture(cluster, selection)

    assert asked > 60
    assert after.unreadable == []
    names = [reference_of(one.manifest) for one in after.objects]
    assert names == [reference_of(one.manifest) for one in before.objects]


def test_quiesce_and_resume_survive_a_restart(
    cluster: Cluster, unique: str, restart: Callable[[float], None]
) -> None:
    workloads = [deployment(unique, f"web-{number}") for number in range(6)]
    create(cluster, obj("Namespace", None, unique), *workloads)
    assert wait_ready(cluster, workloads, 90).ready

    record = quiesce(cluster, [unique], plan=unique, run="1", timeout=120, on_record=lambda _: restart(3))
    assert len(record.workloads) == 6
    restart(3)
    assert resume(cluster, unique, timeout=120).complete
    assert read(cluster, f"apps/v1/Deployment/{unique}/web-3")["spec"]["replicas"] == 1


def test_rollback_survives_a_restart(cluster: Cluster, unique: str, restart: Callable[[float], None]) -> None:
    apply(cluster, many(unique), plan="p", run=unique)
    gone = 0

    def count(*_: str) -> None:
        nonlocal gone
        gone += 1
        if gone == OBJECTS // 4:
            restart(3)

    undone = roll_back(cluster, plan="p", run=unique, on_object=count)

    assert undone.problems == ()
    assert roll_back(cluster, plan="p", run=unique).deleted == ()


def test_a_server_that_stays_away_is_named(own: LabCluster) -> None:
    impatient = Cluster.from_kubeconfig(own.kubeconfig, name="own", retry_seconds=1)
    own.stop("apiserver")
    try:
        with pytest.raises(ClusterUnreachable, match=r"read the version on own: .* is up and reachable"):
            impatient.version()
    finally:
        own.start("apiserver")
