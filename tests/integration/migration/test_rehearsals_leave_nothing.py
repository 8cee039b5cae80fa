"""What a rehearsal made is found by its labels and goes, whoever else works in the target."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from migration_ops.cluster import Cluster, NotFound, apply
from migration_ops.migration import Plan
from migration_ops.migration.rehearsal.isolation import network_policies
from migration_ops.migration.rehearsal.scratch import REHEARSAL_LABEL, scratch_name
from migration_ops.migration.rehearsal.teardown import left_by, tear_down
from tests.lab.foreign import AnyCluster

pytestmark = pytest.mark.lab


@pytest.fixture
def plan() -> Plan:
    """A plan of its own for each test: rehearsals are found by plan."""
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": f"leftovers-{uuid.uuid4().hex[:8]}",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
        }
    )


@pytest.fixture
def cluster(target: AnyCluster) -> Iterator[Cluster]:
    """The target."""
    connected = Cluster.from_kubeconfig(target.kubeconfig, name="target")
    yield connected
    connected.close()


def rehearse(cluster: Cluster, plan: Plan, run: str) -> str:
    """What a rehearsal makes before it is interrupted: a closed namespace, a claim, a PriorityClass."""
    name = scratch_name(run, "shop")
    labels = {REHEARSAL_LABEL: run}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        *network_policies([name], plan.rehearsal, run),
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": name, "labels": labels},
            "spec": claim,
        },
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": f"{plan.name}-{run}", "labels": labels},
            "value": 1,
        },
    ]
    assert {one.action for one in apply(cluster, objects, plan=plan.name, run=run)} == {"created"}
    return name


def exists(cluster: Cluster, path: str) -> bool:
    try:
        cluster.get(path)
    except NotFound:
        return False
    return True


def test_an_interrupted_rehearsal_is_found_by_the_next_one_and_removed(cluster: Cluster, plan: Plan) -> None:
    name = rehearse(cluster, plan, "first")
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made-by-an-operator"}}
    cluster.request("POST", f"/api/v1/namespaces/{name}/configmaps", body=foreign)
    assert left_by(cluster, plan) == ["first"]
    assert left_by(cluster, plan, but="first") == []

    done = tear_down(cluster, plan, ["first"], lambda _: None)

    assert done.namespaces == [name]
    assert not exists(cluster, f"/api/v1/namespaces/{name}")
    assert not exists(cluster, f"/apis/scheduling.k8s.io/v1/priorityclasses/{plan.name}-first")
    assert left_by(cluster, plan) == []


def test_a_rehearsal_removes_nothing_of_another_run(cluster: Cluster, plan: Plan) -> None:
    mine, other = rehearse(cluster, plan, "mine"), rehearse(cluster, plan, "other")
    tear_down(cluster, plan, ["mine"], lambda _: None)
    assert not exists(cluster, f"/api/v1/namespaces/{mine}")
    assert exists(cluster, f"/api/v1/namespaces/{other}")
    tear_down(cluster, plan, left_by(cluster, plan), lambda _: None)
    assert not exists(cluster, f"/api/v1/namespaces/{other}")
