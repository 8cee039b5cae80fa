"""Objects that keep somebody out in the source and stay behind: a decision names what is lost."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, transform

RULES = load_rule_sets(["cleanup"])
PODS = {"matchLabels": {"app": "db"}}


def dropped(api_version: str, kind: str, spec: dict[str, Any], name: str = "db") -> TransformResult:
    item = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }
    result = transform([item], RULES, Parameters())
    assert result.objects == []
    return result


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "told"),
    [
        ("cilium.io/v2", "CiliumNetworkPolicy", {"endpointSelector": PODS}, "{app=db}"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy", {"endpointSelector": {}}, "all pods"),
        ("projectcalico.org/v3", "NetworkPolicy", {"selector": "app == 'db'"}, "app == 'db'"),
        ("crd.projectcalico.org/v1", "GlobalNetworkPolicy", {"types": ["Ingress"]}, "all pods"),
        (
            "vpcresources.k8s.aws/v1beta1",
            "SecurityGroupPolicy",
            {"podSelector": PODS, "securityGroups": {"groupIds": ["sg-9"]}},
            "security groups sg-9",
        ),
        ("networking.gke.io/v1alpha1", "FQDNNetworkPolicy", {"podSelector": PODS}, "{app=db}"),
        (
            "networking.gke.io/v1",
            "GCPBackendPolicy",
            {"default": {"iap": {"enabled": True}, "securityPolicy": "armor"}},
            "IAP and Cloud Armor",
        ),
        (
            "cloud.google.com/v1",
            "BackendConfig",
            {"iap": {"enabled": True}, "securityPolicy": {"name": "armor"}},
            "IAP and Cloud Armor",
        ),
        (
            "cloud.google.com/v1",
            "BackendConfig",
            {"iap": {"enabled": False}, "securityPolicy": {"name": "armor"}},
            "by Cloud Armor;",
        ),
        (
            "gateway.k8s.aws/v1beta1",
            "LoadBalancerConfiguration",
            {"sourceRanges": ["10.0.0.0/8"], "securityGroups": ["sg-1"]},
            "source ranges and security groups",
        ),
        (
            "approuting.kubernetes.azure.com/v1alpha1",
            "NginxIngressController",
            {"loadBalancerAnnotations": {"service.beta.kubernetes.io/azure-allowed-ip-ranges": "10.0.0.0/8"}},
            "source ranges of its load balancer",
        ),
    ],
)
def test_lost_protection_is_a_decision(api_version: str, kind: str, spec: dict[str, Any], told: str) -> None:
    (finding,) = dropped(api_version, kind, spec).findings

    assert finding.severity == "decision"
    assert told in finding.message
    assert "open to everybody" in finding.choices


def test_what_calico_mirrors_needs_no_decision() -> None:
    assert dropped("projectcalico.org/v3", "NetworkPolicy", {}, name="knp.default.db").findings == []


@pytest.mark.parametrize(
    ("api_version", "kind", "spec"),
    [
        ("cloud.google.com/v1", "BackendConfig", {"timeoutSec": 40}),
        (
            "approuting.kubernetes.azure.com/v1alpha1",
            "NginxIngressController",
            {"ingressClassName": "x", "loadBalancerAnnotations": {"a": "b"}},
        ),
    ],
)
def test_settings_of_a_load_balancer_that_keep_nobody_out_are_only_told(
    api_version: str, kind: str, spec: dict[str, Any]
) -> None:
    (finding,) = dropped(api_version, kind, spec).findings

    assert finding.severity == "info"
