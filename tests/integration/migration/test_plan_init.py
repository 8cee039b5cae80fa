"""`migration-ops plan init` looks at a real cluster, and what it writes is a valid plan."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import tenacity
import yaml
from click.testing import CliRunner

from migration_ops.cluster import Cluster, Forbidden, capture
from migration_ops.migration.adaptation import selection
from migration_ops.migration.plan import Plan
from migration_ops.migration.plan_cli import plan as plan_command
from migration_ops.migration.plan_file import load_plan
from tests.lab.foreign import AnyCluster

pytestmark = pytest.mark.lab
REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}


@pytest.fixture(scope="module")
def cluster(source: AnyCluster) -> Iterator[Cluster]:
    with Cluster.from_kubeconfig(source.kubeconfig, name="source") as found:
        yield found


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace with a claim that a pod mounts, and a pod that can't start."""
    name = f"draft-{uuid.uuid4().hex[:8]}"
    make(cluster, "/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": name}})
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "storageClassName": "gp2",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    make(cluster, f"/api/v1/namespaces/{name}/persistentvolumeclaims", claim)
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    for pod, container, volumes in (
        ("db", {"image": "docker.io/local/pause:1", **mounts}, [{"name": "data", **CLAIM}]),
        ("web", {"image": f"{REGISTRY}/shop/web:1"}, []),
    ):
        spec = {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": pod, "imagePullPolicy": "IfNotPresent", **container}],
            "volumes": volumes,
        }
        manifest = {"kind": "Pod", "metadata": {"name": pod}, "spec": spec}
        make(cluster, f"/api/v1/namespaces/{name}/pods", manifest)
    await_volume(cluster, name)
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}", what=f"delete namespace {name}")


# A namespace's service account and its token are made by controllers, a little later.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(Forbidden),
    stop=tenacity.stop_after_delay(60),
    wait=tenacity.wait_fixed(1),
    reraise=True,
)
def make(cluster: Cluster, path: str, manifest: dict[str, object]) -> None:
    cluster.request("POST", path, body={"apiVersion": "v1"} | manifest, what=f"create at {path}")


@tenacity.retry(stop=tenacity.stop_after_delay(120), wait=tenacity.wait_fixed(1), reraise=True)
def await_volume(cluster: Cluster, namespace: str) -> None:
    found = cluster.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data", what="read the claim")
    assert found["status"]["phase"] == "Bound"


def init(source: AnyCluster, *arguments: str) -> str:
    command = ["init", "--kubeconfig", str(source.kubeconfig), "--name", "draft", *arguments]
    done = CliRunner().invoke(plan_command, command)
    assert done.exit_code == 0, done.output
    return done.output


def test_what_is_written_passes_plan_check_and_knows_the_cluster(
    source: AnyCluster, target: AnyCluster, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "draft.yaml"
    said = init(
        source, "--namespace", namespace, "--target-kubeconfig", str(target.kubeconfig), "-o", str(file)
    )
    assert "plan draft is valid" in said
    assert CliRunner().invoke(plan_command, ["check", str(file)]).exit_code == 0
    plan = load_plan(file)
    assert plan.select.namespaces.include == [namespace]
    assert "gp2" in plan.transform.storage_classes
    assert list(plan.transform.image_registries) == [f"{REGISTRY}/"]
    assert "# 2 pods, 1 claim\n" in file.read_text()


@pytest.fixture
def viewer(cluster: Cluster, source: AnyCluster, namespace: str, tmp_path: Path) -> Path:
    """A kubeconfig of an account that may look into the namespace, and nowhere else."""
    inside = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    make(cluster, inside, {"kind": "ServiceAccount", "metadata": {"name": "viewer"}})
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "viewer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "viewer", "namespace": namespace}],
    }
    make(cluster, f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = cluster.request("POST", f"{inside}/viewer/token", body=asked, what="ask for a token")
    kubeconfig = yaml.safe_load(source.kubeconfig.read_text(encoding="utf-8"))
    for user in kubeconfig["users"]:
        user["user"] = {"token": answer["status"]["token"]}
    path = tmp_path / "viewer.kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
    with Cluster.from_kubeconfig(path, name="viewer") as account:
        await_rights(account, namespace)
    return path


# The API server learns of a role binding a little after it is made.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(Forbidden),
    stop=tenacity.stop_after_delay(60),
    wait=tenacity.wait_fixed(0.2),
    reraise=True,
)
def await_rights(account: Cluster, namespace: str) -> None:
    account.get(f"/api/v1/namespaces/{namespace}/pods", what="list pods")


def test_rights_in_the_named_namespace_are_enough_and_what_else_was_not_read_is_told(
    viewer: Path, namespace: str
) -> None:
    command = ["init", "--kubeconfig", str(viewer), "--name", "draft"]
    done = CliRunner().invoke(plan_command, [*command, "--namespace", namespace])
    assert done.exit_code == 0, done.output
    assert f'- "{namespace}"    # 2 pods, 1 claim' in done.stdout
    assert done.stderr.splitlines() == [
        f"migration-ops plan init: may not read in the source: {what}" for what in ("nodes", "storageclasses")
    ]
    wider = CliRunner().invoke(plan_command, command)
    assert wider.exit_code == 0, wider.output
    assert 'include: ["*"]    # DECIDE: name the namespaces; the account may not list them' in wider.stdout
    assert "#   - pods in all namespaces" in wider.stdout


def test_a_namespace_that_is_not_there_is_refused(source: AnyCluster, namespace: str) -> None:
    command = [
        "init",
        "--kubeconfig",
        str(source.kubeconfig),
        "--name",
        "draft",
        "--namespace",
        "no-such-one",
    ]
    done = CliRunner().invoke(plan_command, command)
    assert done.exit_code == 1
    assert "there is no namespace no-such-one" in done.output
    assert namespace in done.output


def test_without_a_file_it_is_printed(source: AnyCluster, namespace: str) -> None:
    text = init(source, "--namespace", namespace, "--protect-only")
    assert text.startswith("# Written by `migration-ops plan init` from a live cluster: Kubernetes v1.")
    assert "\ntarget:" not in text


def test_claims_alone_can_be_protected(cluster: Cluster, namespace: str) -> None:
    plan = Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "claims",
            "source": {"conn_id": "s"},
            "vault": {"conn_id": "v"},
            "select": {
                "namespaces": {"include": [namespace]},
                "resources": {"include": ["persistentvolumeclaims"]},
            },
            "movers": {"image": "i"},
        }
    )
    found = capture(cluster, selection(plan))
    assert [(claim.namespace, claim.name) for claim in found.claims] == [(namespace, "data")]
    assert not {"v1/Pod", "v1/Secret", "v1/ConfigMap"} & set(found.counts_by_kind)
