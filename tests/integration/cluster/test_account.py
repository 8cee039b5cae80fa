"""The account of a source does all of its work with the shipped role, and needs every right in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
import yaml

from migration_ops.cluster import Cluster, capture, check_permissions, discovery, quiesce, resume
from migration_ops.cluster.account import account_manifests
from migration_ops.cluster.grants import BUILT_IN, Grant, exact_reading, grants
from migration_ops.cluster.permissions import source_permissions
from migration_ops.cluster.selection import Selection
from migration_ops.mover import Credentials, MoverSpec
from migration_ops.mover.submission import remove, submit
from tests.lab.foreign import AnyCluster

from .conftest import (
    PATIENCE_SECONDS,
    PAUSE,
    as_account,
    claim,
    create,
    deployment,
    exists,
    obj,
    pod_template,
    stateful_set,
)

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

SHIPPED = Path(__file__).parents[3] / "include" / "rbac" / "source.yaml"
VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
Right = tuple[str, str, str]


def bound(cluster: Cluster, name: str, manifests: list[dict[str, Any]]) -> Iterator[Cluster]:
    """An account that has this role and no other rights."""
    namespace, account, role, binding = manifests
    for manifest in (namespace, role, binding):
        manifest["metadata"]["name"] = name
    account["metadata"]["namespace"] = name
    binding["roleRef"]["name"] = binding["subjects"][0]["namespace"] = name
    create(cluster, namespace, account, role, binding)
    connection = as_account(cluster, name, account["metadata"]["name"])
    yield connection
    connection.close()
    for plural in ("clusterrolebindings", "clusterroles"):
        cluster.request("DELETE", f"/apis/rbac.authorization.k8s.io/v1/{plural}/{name}")
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def written(source_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> set[Right]:
    """Every write that goes to the API server from now on, as the right that it takes."""
    seen: set[Right] = set()
    plain = urllib3.connectionpool.HTTPConnectionPool.urlopen

    def recording(self: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        parts = urlsplit(url).path.strip("/").split("/")
        if method in VERBS and f"{self.host}:{self.port}" in source_cluster.address:
            group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
            seen.add(
                (VERBS[method], group, rest[2] if rest[0] == "namespaces" and len(rest) > 2 else rest[0])
            )
        return plain(self, method, url, *arguments, **options)

    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", recording)
    return seen


@pytest.fixture
def account(source_cluster: Cluster, written: set[Right], unique: str) -> Iterator[Cluster]:
    """The account of the shipped file; `written` comes first, as a connection keeps the way it asks."""
    yield from bound(source_cluster, f"{unique}-account", list(yaml.safe_load_all(SHIPPED.read_text())))


@pytest.fixture
def exact_account(source_cluster: Cluster, unique: str) -> Iterator[Cluster]:
    """An account that may read the kinds of this cluster by name."""
    rules = [*exact_reading(discovery(source_cluster, refresh=True).resources), *grants("source")[1:]]
    yield from bound(source_cluster, f"{unique}-exact", account_manifests("source", rules))


def rights(rules: list[Grant]) -> set[Right]:
    return {
        (verb, group, plural)
        for rule in rules
        for group in rule.groups
        for plural in rule.resources
        for verb in rule.verbs
        if group in BUILT_IN
    }


def workloads(space: str) -> list[dict[str, Any]]:
    """One of each kind that is stopped, a pod of nobody's, and a namespace that denies egress."""
    labels = {"app": "lone"}
    selector = {"selector": {"matchLabels": labels}}
    job = pod_template({"app": "job"}, restartPolicy="Never")
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": job}}}
    lone = {"replicas": 1, "template": pod_template(labels)}
    daemon = pod_template({"app": "daemon"})
    return [
        obj("NetworkPolicy", space, "shut", "networking.k8s.io/v1",
            spec={"podSelector": {}, "policyTypes": ["Egress"], "egress": []}),
        claim(space, "extra"),
        deployment(space, "web", claims=["extra"]),
        stateful_set(space, "db"),
        obj("ReplicaSet", space, "lone", "apps/v1", spec=lone | selector),
        obj("ReplicationController", space, "old", spec={
            "replicas": 1, "selector": {"app": "old"}, "template": pod_template({"app": "old"})}),
        obj("DaemonSet", space, "daemon", "apps/v1", spec={
            "selector": {"matchLabels": {"app": "daemon"}}, "template": daemon}),
        obj("Job", space, "busy", "batch/v1", spec={"template": job}),
        obj("CronJob", space, "nightly", "batch/v1beta1", spec=cron),
        obj("Pod", space, "bare", **pod_template({"app": "bare"})),
    ]  # fmt: skip


def test_a_source_is_served_with_the_shipped_role_and_with_every_right_in_it(
    source_cluster: Cluster, written: set[Right], account: Cluster, unique: str
) -> None:
    create(source_cluster, obj("Namespace", None, unique), *workloads(unique))
    written.clear()
    try:
        assert capture(account, Selection(namespaces_include=(unique,))).unreadable == []
        quiesce(account, [unique], plan=unique, run="1", timeout=PATIENCE_SECONDS, wait_detached=False)
        assert resume(account, unique, timeout=PATIENCE_SECONDS).complete
        mover = MoverSpec(plan=unique, run="1", action="backup", namespace=unique, claim="extra",
                          command=("version",), image=PAUSE)  # fmt: skip
        submit(account._api_client, mover, Credentials({"RESTIC_PASSWORD": "x"}))
        # As a try leaves it that was killed before it woke the mover up: the next one writes the Secret anew.
        asleep_again = {"spec": {"parallelism": 0}}
        source_cluster.patch(f"/apis/batch/v1/namespaces/{unique}/jobs/{mover.name}", asleep_again)
        submit(account._api_client, mover, Credentials({"RESTIC_PASSWORD": "y"}))
        remove(account._api_client, unique, mover.name)
        used = set(written)
    finally:
        source_cluster.request("DELETE", f"/api/v1/namespaces/{unique}")

    granted = rights(grants("source")[1:])
    assert used <= granted
    # An autoscaler is touched only if it may scale to zero, which this server doesn't let it.
    asleep = {("patch", "autoscaling", "horizontalpodautoscalers")}
    exec_rights = {("get", "", "pods/exec"), ("create", "", "pods/exec")}
    assert granted - used == asleep | exec_rights


def test_an_account_that_reads_kinds_by_name_is_good_enough_and_may_not_reach_into_nodes(
    source_cluster: Cluster, exact_account: Cluster, unique: str
) -> None:
    create(source_cluster, obj("Namespace", None, unique), claim(unique, "extra"), deployment(unique, "web"))
    try:
        found = capture(exact_account, Selection(namespaces_include=(unique,)))
    finally:
        source_cluster.request("DELETE", f"/api/v1/namespaces/{unique}")
    assert found.unreadable == []
    assert {"Deployment", "PersistentVolumeClaim"} <= {one.manifest["kind"] for one in found.objects}
    results = check_permissions(exact_account, source_permissions([unique]))
    assert [str(one.permission) for one in results if not one.allowed] == []
    review = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "nodes", "subresource": "proxy"}},
    }  # fmt: skip
    answer = exact_account.request(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review
    )
    assert not answer["status"]["allowed"]


def test_the_command_writes_a_kubeconfig_that_works_and_that_only_its_owner_reads(
    source: AnyCluster, source_cluster: Cluster, tmp_path: Path
) -> None:
    was_there = exists(source_cluster, "v1/Namespace//migration-ops")
    output = tmp_path / "source.kubeconfig"
    command = [
        Path(sys.executable).with_name("migration-ops"), "account", "kubeconfig", "source",
        "--kubeconfig", source.kubeconfig, "--hours", "1", "--output", output,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert output.stat().st_mode & 0o777 == 0o600
    made = Cluster.from_kubeconfig(output)
    assert made.get("/api/v1/namespaces/kube-system")["metadata"]["name"] == "kube-system"
    assert all(one.allowed for one in check_permissions(made, source_permissions()))
    made.close()
    if not was_there:  # else it serves whoever made it
        for plural in ("clusterrolebindings", "clusterroles"):
            path = f"/apis/rbac.authorization.k8s.io/v1/{plural}/migration-ops-source"
            source_cluster.request("DELETE", path)
        source_cluster.request("DELETE", "/api/v1/namespaces/migration-ops")
