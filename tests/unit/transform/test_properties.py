"""Properties that hold for any manifest: a second run changes nothing, the input stays, the schema holds."""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.transform import Parameters, load_rule_sets, transform

Manifest = dict[str, Any]
PROVIDERS = ("eks", "gke", "aks", "tke", "cce", "onprem")
RULE_SETS = {provider: load_rule_sets(["api-versions", f"{provider}-to-ack"]) for provider in PROVIDERS}
PARAMETERS = Parameters(
    storage_classes={"gp2": "alicloud-disk-essd", "*": "alicloud-disk-topology-alltype"},
    image_registries={"docker.io/": "registry.example.com/hub/", "gcr.io/": "registry.example.com/gcr/"},
    namespaces={"shop": "shop-prod"},
    params={
        "rewrite_service_names": True,
        "zones": {"us-east-1a": "cn-hangzhou-h"},
        "alb_vswitches": ["a", "b"],
    },
    target_version="1.32",
)

NAMES = st.sampled_from(["web", "db", "api", "shop"])
TEXTS = st.sampled_from(
    ["", "x", "db.shop.svc", "http://a.rds.amazonaws.com", "169.254.169.254", "on", "1e3"]
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        [
            "service.beta.kubernetes.io/aws-load-balancer-type",
            "service.beta.kubernetes.io/aws-load-balancer-scheme",
            "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
            "service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol",
            "service.beta.kubernetes.io/aws-load-balancer-subnets",
            "networking.gke.io/load-balancer-type",
            "cloud.google.com/neg",
            "service.beta.kubernetes.io/azure-load-balancer-internal",
            "service.beta.kubernetes.io/azure-load-balancer-health-probe-protocol",
            "service.kubernetes.io/qcloud-loadbalancer-internal-subnetid",
            "service.cloud.tencent.com/specify-protocol",
            "kubernetes.io/elb.autocreate",
            "kubernetes.io/elb.health-check-option",
            "metallb.universe.tf/address-pool",
            "service.beta.kubernetes.io/load-balancer-source-ranges",
            "external-dns.alpha.kubernetes.io/hostname",
            "kubectl.kubernetes.io/last-applied-configuration",
            "alb.ingress.kubernetes.io/scheme",
            "alb.ingress.kubernetes.io/healthcheck-path",
            "kubernetes.io/ingress.class",
            "kubernetes.io/ingress.rule-mix",
            "kubernetes.io/ingress.http-rules",
            "appgw.ingress.kubernetes.io/use-private-ip",
            "nginx.ingress.kubernetes.io/canary",
            "example.com/own",
        ]
    ),
    st.sampled_from(
        [
            "true",
            "false",
            "nlb",
            "external",
            "internal",
            "Internal",
            "http",
            "HTTP",
            "alb",
            "gce",
            "qcloud",
            "cce",
            "nginx",
            '{"type":"inner"}',
            '{"protocol":"HTTP","path":"/"}',
            "[]",
            "{",
            "10.0.0.0/8",
            "a.example.com",
        ]
    ),
    max_size=5,
)


@st.composite
def metadata(draw: st.DrawFn) -> Manifest:
    found: Manifest = {"name": draw(NAMES), "namespace": draw(st.sampled_from(["shop", "other"]))}
    annotations = draw(ANNOTATIONS)
    if annotations:
        found["annotations"] = annotations
    if draw(st.booleans()):
        found |= {"uid": "u", "resourceVersion": "1", "finalizers": ["service.k8s.aws/resources"]}
    return found


@st.composite
def services(draw: st.DrawFn) -> Manifest:
    spec: Manifest = {
        "type": draw(st.sampled_from(["LoadBalancer", "ClusterIP", "NodePort"])),
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
    }
    if draw(st.booleans()):
        spec["clusterIP"] = draw(st.sampled_from(["10.0.0.1", "None"]))
    if draw(st.booleans()):
        spec["loadBalancerClass"] = draw(
            st.sampled_from(
                ["service.k8s.aws/nlb", "networking.gke.io/l4-regional-internal", "example.com/lb"]
            )
        )
    return {"apiVersion": "v1", "kind": "Service", "metadata": draw(metadata()), "spec": spec}


@st.composite
def ingresses(draw: st.DrawFn) -> Manifest:
    path = draw(st.sampled_from(["/", "/a/*", "/b"]))
    body: Manifest = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": draw(metadata())}
    if draw(st.booleans()):
        body["apiVersion"] = draw(st.sampled_from(["networking.k8s.io/v1beta1", "extensions/v1beta1"]))
        backend: Manifest = {"serviceName": "web", "servicePort": draw(st.sampled_from([80, "http"]))}
        entry: Manifest = {"path": path, "backend": backend}
    else:
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        entry = {"path": path, "pathType": "ImplementationSpecific", "backend": backend}
    body["spec"] = {"rules": [{"host": "a.example.com", "http": {"paths": [entry]}}]}
    if draw(st.booleans()):
        body["spec"]["ingressClassName"] = draw(
            st.sampled_from(["alb", "nginx", "gce-internal", "cce", "qcloud"])
        )
        body["metadata"].get("annotations", {}).pop("kubernetes.io/ingress.class", None)
    return body


@st.composite
def workloads(draw: st.DrawFn) -> Manifest:
    labels = {"app": "web"}
    selector = st.dictionaries(
        st.sampled_from(
            [
                "eks.amazonaws.com/nodegroup",
                "failure-domain.beta.kubernetes.io/zone",
                "kubernetes.io/hostname",
                "disk",
            ]
        ),
        st.sampled_from(["us-east-1a", "b", "ssd"]),
        max_size=3,
    )
    images = st.sampled_from(
        ["nginx", "gcr.io/a/b:1", "registry.example.com/hub/x", "quay.io/a/b@sha256:abc"]
    )
    pod: Manifest = {
        "containers": [{"name": "web", "image": draw(images), "env": [{"name": "A", "value": draw(TEXTS)}]}],
        "nodeSelector": draw(selector),
        "tolerations": [{"key": draw(st.sampled_from(["karpenter.sh/x", "own"])), "operator": "Exists"}],
    }
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in draw(selector).items()]
    if expressions:
        pod["affinity"] = {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": expressions}]
                }
            }
        }
    spec: Manifest = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if draw(st.booleans()):
        claim: Manifest = {
            "accessModes": [draw(st.sampled_from(["ReadWriteOnce", "ReadWriteMany"]))],
            "storageClassName": draw(st.sampled_from(["gp2", "efs-sc", "alicloud-disk-essd", "", "fast"])),
            "resources": {"requests": {"storage": draw(st.sampled_from(["1Gi", "100Gi", "500M"]))}},
        }
        spec |= {
            "serviceName": "web",
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        }
        return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": draw(metadata()), "spec": spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": draw(metadata()), "spec": spec}


@pytest.mark.parametrize("provider", PROVIDERS)
@given(manifest=st.one_of(services(), ingresses(), workloads()))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_manifest_is_adapted_once_and_for_all(provider: str, manifest: Manifest) -> None:
    before = copy.deepcopy(manifest)

    first = transform([manifest], RULE_SETS[provider], PARAMETERS)
    second = transform(first.objects, RULE_SETS[provider], PARAMETERS)

    assert manifest == before
    assert second.changes == []
    assert second.objects == first.objects
    for written in first.objects:
        if written["kind"] != "AlbConfig":
            kubernetes_validate.validate(written, "1.32", strict=True)
