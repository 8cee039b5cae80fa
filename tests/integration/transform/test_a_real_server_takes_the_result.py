"""What the rules make of each platform's application is taken by a real API server, in its own versions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from migration_ops.cluster import Cluster, apply, discover
from migration_ops.transform import Parameters, load_rule_sets, read_manifests, transform
from tests.lab.foreign import AnyCluster

GOLDEN = Path(__file__).parents[2] / "unit" / "transform" / "golden"
PROVIDERS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
# Custom resources whose definitions an ACK cluster or an add-on brings.
NOT_THERE = {"AlbConfig", "SecretProviderClass"}

# Fields that came after the lab's Kubernetes 1.20.
NEWER_SERVICE_FIELDS = ("loadBalancerClass", "internalTrafficPolicy")

pytestmark = pytest.mark.lab


def as_an_old_server_knows_it(manifest: dict[str, Any]) -> dict[str, Any]:
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Service":
        spec = {key: value for key, value in spec.items() if key not in NEWER_SERVICE_FIELDS}
    pod = spec.get("template", {}).get("spec", {})
    for volume in [volume for volume in pod.get("volumes", []) if "ephemeral" in volume]:
        volume |= {"emptyDir": {}}
        del volume["ephemeral"]
    return {**manifest, "spec": spec} if spec else manifest


@pytest.fixture(scope="module")
def cluster(target: AnyCluster) -> Iterator[Cluster]:
    connected = Cluster.from_kubeconfig(target.kubeconfig, name="target")
    yield connected
    connected.close()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"rules-{uuid.uuid4().hex[:8]}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    cluster.request("POST", "/api/v1/namespaces", body=manifest)
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_target_takes_every_object_of_the_application(
    cluster: Cluster, namespace: str, provider: str
) -> None:
    settings: dict[str, Any] = yaml.safe_load((GOLDEN / provider / "parameters.yaml").read_text())
    rule_sets = load_rule_sets(settings.pop("rules"))
    (own,) = settings["namespaces"]
    settings["namespaces"] = {own: namespace}
    served = [f"{one.api_version}/{one.kind}" for one in discover(cluster)]
    parameters = Parameters(**settings, target_version=cluster.version(), target_apis=served)
    manifests = read_manifests(str(GOLDEN / provider / "source.yaml"))

    result = transform(manifests, rule_sets, parameters)
    taken = [as_an_old_server_knows_it(item) for item in result.objects if item["kind"] not in NOT_THERE]
    answers = apply(cluster, taken, plan="rules", run=namespace, dry_run=True)

    assert [answer.message for answer in answers if answer.action == "failed"] == []
    assert {
        finding.message
        for finding in result.blockers
        if not any(kind in finding.message for kind in NOT_THERE)
    } == set()
    assert len(answers) == len(taken)
