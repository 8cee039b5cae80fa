"""The two clusters do what an application needs of a cluster, and differ as an old and a new one do."""

from __future__ import annotations

import json

import pytest
from kubernetes import client

from tests.lab import Lab
from tests.lab.foreign import AnyCluster

from .conftest import eventually

pytestmark = pytest.mark.lab

STORAGE_CLASSES = {"source": "gp2", "target": "alicloud-disk-essd"}


def test_a_pod_keeps_data_in_a_provisioned_volume(pods, either_cluster):
    pods.claim("data", STORAGE_CLASSES[either_cluster.name])
    pods.run("first", "echo kept >/data/note; sleep 600", claim="data")
    pods.core.delete_namespaced_pod("first", pods.namespace, grace_period_seconds=0)

    pods.run("second", "sleep 600", claim="data")

    assert pods.execute("second", "cat", "/data/note") == "kept\n"


def test_a_service_leads_to_its_pod_even_from_the_pod_itself(pods):
    web = "mkdir /web; echo found >/web/index.html; exec python3 -m http.server --directory /web 8080"
    pods.run("web", web, labels={"app": "web"})
    pods.run("client", "sleep 600")
    service = pods.core.create_namespaced_service(
        pods.namespace,
        {
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    )
    address = f"http://{service.spec.cluster_ip}/"
    answers = [pods.execute(name, "python3", "-c", FETCH_WHEN_THERE, address) for name in ("client", "web")]

    assert answers == ["found\n", "found\n"]


FETCH_WHEN_THERE = """
import sys, time, urllib.request
for _ in range(600):
    try:
        print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode(), end="")
        break
    except OSError:
        time.sleep(0.2)
"""


def test_logs_of_a_pod_can_be_read(pods):
    pods.run("talker", "echo spoken; sleep 600")

    assert pods.log("talker") == "spoken\n"


def test_a_pod_may_ask_the_api_with_its_own_account(pods):
    pods.run("asker", "sleep 600")
    answer = pods.execute("asker", "python3", "-c", ASK_THE_API)

    assert json.loads(answer)["versions"] == ["v1"]


ASK_THE_API = """
import os, pathlib, ssl, urllib.request
account = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
request = urllib.request.Request(
    f"https://{os.environ['KUBERNETES_SERVICE_HOST']}/api",
    headers={"Authorization": "Bearer " + (account / "token").read_text()},
)
context = ssl.create_default_context(cafile=account / "ca.crt")
print(urllib.request.urlopen(request, context=context).read().decode())
"""


def test_servers_and_nodes_say_which_kubernetes_they_are(either_cluster: AnyCluster):
    with either_cluster.api_client() as api:
        server = client.VersionApi(api).get_code()
        nodes = client.CoreV1Api(api).list_node().items

    assert (server.git_version, server.major, server.minor) == ("v1.20.2", "1", "20")
    assert [node.status.node_info.kubelet_version for node in nodes] == ["v1.20.2"]


def test_only_the_source_serves_the_old_betas(source: AnyCluster, target: AnyCluster):
    old, new = (set(served(cluster)) for cluster in (source, target))

    assert {
        "extensions/v1beta1",
        "networking.k8s.io/v1beta1",
        "rbac.authorization.k8s.io/v1beta1",
    } <= old - new
    assert {"networking.k8s.io/v1", "rbac.authorization.k8s.io/v1", "apps/v1"} <= new


def served(cluster: AnyCluster) -> list[str]:
    """Return the group versions that a cluster serves."""
    with cluster.api_client() as api:
        groups = client.ApisApi(api).get_api_versions().groups
        return [version.group_version for group in groups for version in group.versions]


def test_a_custom_resource_can_be_made_and_watched(either_cluster: AnyCluster):
    name = f"things.{either_cluster.name}.lab.example.com"
    group = name.split(".", 1)[1]
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
    labels = {f"label-{number}": "set" for number in range(5)}
    thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "one", "labels": labels}}
    with either_cluster.api_client() as api:
        extensions, objects = client.ApiextensionsV1Api(api), client.CustomObjectsApi(api)
        extensions.create_custom_resource_definition(definition)
        try:
            eventually(lambda: is_established(extensions, name), f"{name} to be served")
            objects.create_cluster_custom_object(group, "v1", "things", thing)
            found = objects.list_cluster_custom_object(group, "v1", "things")["items"]
        finally:
            extensions.delete_custom_resource_definition(name)

    assert [each["metadata"]["labels"] for each in found] == [labels]


def is_established(extensions: client.ApiextensionsV1Api, name: str) -> bool:
    """Tell whether a custom resource is served."""
    conditions = extensions.read_custom_resource_definition(name).status.conditions or []
    return any(each.type == "Established" and each.status == "True" for each in conditions)


def test_pods_and_this_machine_reach_the_host_address(pods, lab: Lab, s3):
    pods.run("client", "sleep 600")

    assert pods.fetch("client", s3.endpoint).startswith("200")
    assert pods.fetch("client", s3.endpoint_tls, s3.ca_file.read_text()).startswith("200")
    assert s3.endpoint == f"http://{lab.host_address}:7480"
