"""A plan's hooks change an operator's custom resource, and say what went wrong."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from kubernetes.client import ApiClient

from migration_ops.cluster import Cluster
from migration_ops.migration import MigrationError
from migration_ops.migration.plan import Plan
from migration_ops.migration.plan_hooks import run_hooks
from migration_ops.migration.readiness_report.hook_objects import missing_hook_objects
from tests.lab.foreign import AnyCluster
from tests.lab.mover_image import MOVER_IMAGE
from tests.lab.readiness import wait_until

pytestmark = pytest.mark.lab


@pytest.fixture
def cluster(source: AnyCluster) -> Iterator[Cluster]:
    """The source."""
    connected = Cluster.from_kubeconfig(source.kubeconfig)
    yield connected
    connected.close()


@pytest.fixture
def settings(cluster: Cluster) -> Iterator[str]:
    """An object that stands for an operator's resource."""
    name, path = f"hooked-{uuid.uuid4().hex[:8]}", "/api/v1/namespaces/default/configmaps"
    body = {"metadata": {"name": name}, "data": {"paused": "false", "left": "alone"}}
    cluster.request("POST", path, body=body)
    yield name
    cluster.request("DELETE", f"{path}/{name}")


@pytest.fixture
def pod(source: AnyCluster, cluster: Cluster) -> Iterator[tuple[str, ApiClient]]:
    """A running pod, and a client for commands in it."""
    name, path = f"hooked-{uuid.uuid4().hex[:8]}", "/api/v1/namespaces/default/pods"
    container = {"name": "main", "image": MOVER_IMAGE, "command": ["sleep", "600"]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    cluster.request("POST", path, body={"metadata": {"name": name}, "spec": spec})
    wait_until(lambda: cluster.get(f"{path}/{name}")["status"]["phase"] == "Running", "the pod to run", 120)
    with source.api_client() as api:
        yield name, api
    cluster.request("DELETE", f"{path}/{name}")


def plan(name: str, **change: object) -> Plan:
    """A plan that pauses the object before the stop."""
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "default", "name": name}
    return with_hook({"patch": patch | {"merge": {"data": {"paused": "true"}}} | change})


def with_hook(hook: dict[str, object]) -> Plan:
    """A plan with one hook before the stop."""
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "vault": {"conn_id": "b"},
            "movers": {"image": "mover:1"},
            "quiesce": {"hooks": [{"before": "quiesce"} | hook]},
        }
    )


def run(wanted: Plan, cluster: Cluster, place: str, api: ApiClient | None = None) -> list[str]:
    """Run the hooks of one place and return what was said."""
    said: list[str] = []
    run_hooks(
        wanted,
        cluster,
        api,  # type: ignore[arg-type]
        place=place,  # type: ignore[arg-type]
        step="quiesce",
        namespaces=["default"],
        say=said.append,
    )
    return said


def test_a_hook_changes_the_object_it_names_at_its_place_only(cluster: Cluster, settings: str) -> None:
    path = f"/api/v1/namespaces/default/configmaps/{settings}"

    assert run(plan(settings), cluster, "after") == []
    assert cluster.get(path)["data"]["paused"] == "false"
    assert run(plan(settings), cluster, "before") == [f"hook before quiesce on ConfigMap {settings}: done"]
    assert cluster.get(path)["data"] == {"paused": "true", "left": "alone"}


def test_a_hook_that_fails_stops_the_step_unless_it_may_fail(cluster: Cluster) -> None:
    with pytest.raises(MigrationError, match="hook before quiesce on ConfigMap nobody failed: "):
        run(plan("nobody"), cluster, "before")
    (said,) = run(plan("nobody", on_error="continue"), cluster, "before")
    assert "not found" in said


def test_a_kind_that_the_source_does_not_serve_is_named(cluster: Cluster) -> None:
    with pytest.raises(MigrationError, match="serves no Nothing"):
        run(plan("x", kind="Nothing"), cluster, "before")


def test_a_command_runs_in_its_pod_and_is_given_up_after_its_time(
    cluster: Cluster, pod: tuple[str, ApiClient]
) -> None:
    name, api = pod

    def command(*words: str, **options: object) -> Plan:
        return with_hook({"exec": {"pod": name, "command": list(words), **options}})

    assert run(command("true"), cluster, "before", api) == [f"hook before quiesce in {name}: done"]
    with pytest.raises(MigrationError, match="exit code 3: not now"):
        run(command("sh", "-c", "echo not now; exit 3"), cluster, "before", api)
    with pytest.raises(MigrationError, match="no end after 1 s"):
        run(command("sleep", "60", timeout="1s"), cluster, "before", api)
    (said,) = run(command("false", on_error="continue"), cluster, "before", api)
    assert "exit code 1" in said


def test_a_hook_without_an_object_is_found_beforehand(cluster: Cluster, settings: str) -> None:
    assert missing_hook_objects(plan(settings), cluster) == {}
    assert "has no ConfigMap absent in namespace default" in missing_hook_objects(plan("absent"), cluster)[0]
    other = plan(settings, apiVersion="example.com/v1", kind="Gizmo")
    assert "serves no Gizmo of example.com/v1" in missing_hook_objects(other, cluster)[0]
    nowhere = plan(settings, namespace=None)
    assert missing_hook_objects(nowhere, cluster) == {0: "ConfigMap needs a namespace"}
