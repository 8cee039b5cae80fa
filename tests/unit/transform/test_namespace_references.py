"""What refers to a namespace follows its new name."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from tests.unit.transform.renamed_namespace import Manifest, moved, one


def release(namespace: str) -> Manifest:
    packed = gzip.compress(json.dumps({"name": "web", "namespace": namespace, "manifest": "# shop"}).encode())
    data = base64.b64encode(base64.b64encode(packed)).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "shop"},
        "data": {"release": data},
    }


def test_helm_finds_its_release_in_the_new_namespace() -> None:
    result = moved(release("shop"))
    data = result.objects[0]["data"]["release"]
    unpacked = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))

    assert unpacked["namespace"] == "shop-prod"
    assert result.objects[0]["metadata"]["namespace"] == "shop-prod"


def test_a_release_that_can_not_be_read_is_pointed_out() -> None:
    broken = release("shop")
    broken["data"]["release"] = "bm8="

    assert [finding.severity for finding in moved(broken).findings] == ["warning"]


def test_a_releases_annotation_follows() -> None:
    owned = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "namespace": "shop",
            "annotations": {"meta.helm.sh/release-namespace": "shop", "meta.helm.sh/release-name": "web"},
        },
    }

    annotations = moved(owned).objects[0]["metadata"]["annotations"]
    assert annotations == {"meta.helm.sh/release-namespace": "shop-prod", "meta.helm.sh/release-name": "web"}


def test_pod_affinity_names_the_new_namespace(deployment: Manifest) -> None:
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "namespaces": ["shop", "other"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
    }
    deployment["spec"]["template"]["spec"]["affinity"] = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
        }
    }

    affinity = moved(deployment).objects[0]["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    required = affinity["requiredDuringSchedulingIgnoredDuringExecution"][0]
    preferred = affinity["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]

    assert required == preferred
    assert required["namespaces"] == ["shop-prod", "other"]
    assert required["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "shop-prod"}}


def test_gateways_and_conversion_webhooks_follow() -> None:
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "parentRefs": [{"name": "gw", "namespace": "shop"}],
            "rules": [{"backendRefs": [{"name": "web", "namespace": "shop", "port": 80}]}],
        },
    }
    service = {"name": "hook", "namespace": "shop"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": service}}}},
    }

    written = {item["kind"]: item["spec"] for item in moved(route, definition).objects}

    assert written["HTTPRoute"]["parentRefs"][0]["namespace"] == "shop-prod"
    assert written["HTTPRoute"]["rules"][0]["backendRefs"][0]["namespace"] == "shop-prod"
    conversion = written["CustomResourceDefinition"]["conversion"]["webhook"]
    assert conversion["clientConfig"]["service"]["namespace"] == "shop-prod"


def test_what_names_a_namespace_by_the_way_follows_too() -> None:
    name_label = "kubernetes.io/metadata.name"
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "edge"},
        "spec": {
            "listeners": [
                {
                    "tls": {"certificateRefs": [{"name": "tls", "namespace": "shop"}]},
                    "allowedRoutes": {"namespaces": {"selector": {"matchLabels": {name_label: "shop"}}}},
                }
            ]
        },
    }
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "web", "namespace": "edge"},
        "spec": {"namespaceSelector": {"matchNames": ["shop", "edge"]}},
    }
    ingress_class = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "web"},
        "spec": {"parameters": {"kind": "P", "name": "p", "scope": "Namespace", "namespace": "shop"}},
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "b"},
        "spec": {
            "paramRef": {"name": "p", "namespace": "shop"},
            "matchResources": {
                "namespaceSelector": {
                    "matchExpressions": [
                        {"key": name_label, "operator": "In", "values": ["shop"]},
                        {"key": "team", "operator": "In", "values": ["shop"]},
                    ]
                }
            },
        },
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "v"},
        "spec": {
            "claimRef": {"name": "c", "namespace": "shop"},
            "csi": {
                "nodeStageSecretRef": {"name": "s", "namespace": "shop"},
                "volumeAttributes": {"namespace": "shop"},
            },
        },
    }

    written = {
        item["kind"]: item["spec"] for item in moved(gateway, monitor, ingress_class, binding, volume).objects
    }

    listener = written["Gateway"]["listeners"][0]
    assert listener["tls"]["certificateRefs"][0]["namespace"] == "shop-prod"
    assert listener["allowedRoutes"]["namespaces"]["selector"]["matchLabels"] == {name_label: "shop-prod"}
    assert written["ServiceMonitor"]["namespaceSelector"]["matchNames"] == ["shop-prod", "edge"]
    assert written["IngressClass"]["parameters"]["namespace"] == "shop-prod"
    bound = written["ValidatingAdmissionPolicyBinding"]
    assert bound["paramRef"]["namespace"] == "shop-prod"
    named, team = bound["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (named["values"], team["values"]) == (["shop-prod"], ["shop"])
    assert written["PersistentVolume"]["claimRef"]["namespace"] == "shop-prod"
    assert written["PersistentVolume"]["csi"] == {
        "nodeStageSecretRef": {"name": "s", "namespace": "shop-prod"},
        "volumeAttributes": {"namespace": "shop"},  # a driver's own word, whatever it means there
    }


def test_other_namespaces_stay() -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "other"}}

    assert moved(other).changes == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            one(
                "cert-manager.io/v1",
                "Certificate",
                {"dnsNames": ["wh.shop.svc", "wh.shop.svc.cluster.local", "a.b"]},
            ),
            {"dnsNames": ["wh.shop-prod.svc", "wh.shop-prod.svc.cluster.local", "a.b"]},
        ),
        (
            one(
                "networking.istio.io/v1beta1",
                "VirtualService",
                {
                    "hosts": ["api.shop.svc.cluster.local"],
                    "gateways": ["shop/gate", "mesh"],
                    "exportTo": ["shop"],
                },
            ),
            {
                "hosts": ["api.shop-prod.svc.cluster.local"],
                "gateways": ["shop-prod/gate", "mesh"],
                "exportTo": ["shop-prod"],
            },
        ),
        (
            one(
                "security.istio.io/v1",
                "AuthorizationPolicy",
                {
                    "rules": [
                        {
                            "from": [
                                {
                                    "source": {
                                        "principals": ["cluster.local/ns/shop/sa/web"],
                                        "namespaces": ["shop"],
                                    }
                                }
                            ]
                        }
                    ]
                },
            ),
            {
                "rules": [
                    {
                        "from": [
                            {
                                "source": {
                                    "principals": ["cluster.local/ns/shop-prod/sa/web"],
                                    "namespaces": ["shop-prod"],
                                }
                            }
                        ]
                    }
                ]
            },
        ),
        (
            one(
                "monitoring.coreos.com/v1",
                "ServiceMonitor",
                {"endpoints": [{"tlsConfig": {"serverName": "wh.shop.svc"}}]},
            ),
            {"endpoints": [{"tlsConfig": {"serverName": "wh.shop-prod.svc"}}]},
        ),
    ],
    ids=["certificate", "route", "authorization", "monitor"],
)
def test_fields_that_hold_addresses_always_follow(before: Manifest, after: dict[str, Any]) -> None:
    result = moved(before)

    assert result.objects[0]["spec"] == after
    assert result.findings == []


def test_roles_on_a_namespace_by_name_follow() -> None:
    rules = [
        {
            "apiGroups": [""],
            "resources": ["namespaces"],
            "resourceNames": ["shop", "other"],
            "verbs": ["get"],
        },
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["shop"], "verbs": ["get"]},
    ]
    result = moved(
        one("rbac.authorization.k8s.io/v1", "ClusterRole", metadata={"namespace": ""}, rules=rules)
    )

    assert [rule["resourceNames"] for rule in result.objects[0]["rules"]] == [
        ["shop-prod", "other"],
        ["shop"],
    ]
