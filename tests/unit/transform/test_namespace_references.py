"""What refers to a namespace follows its new name."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, transform

Manifest = dict[str, Any]


def moved(*objects: Manifest, **params: Any) -> TransformResult:
    return transform(objects, load_rule_sets([]), Parameters(namespaces={"shop": "shop-prod"}, params=params))


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


def one(api_version: str, kind: str, spec: dict[str, Any] | None = None, **more: Any) -> Manifest:
    metadata = {"name": "x", "namespace": "shop"} | more.pop("metadata", {})
    return (
        {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        | ({"spec": spec} if spec else {})
        | more
    )


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


def operator(*args: str, **env: str) -> Manifest:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    container = {"name": "c", "image": "x", "args": list(args), "env": variables}
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return one("apps/v1", "Deployment", {"selector": {"matchLabels": labels}, "template": template})


def test_namespaces_in_flags_and_variables_are_reported_or_rewritten() -> None:
    service = one("v1", "Service", {"ports": [{"port": 80}]}, metadata={"name": "api"})
    before = operator(
        "--watch-namespace=shop",
        "--namespace",
        "shop",
        "--shop=shop",
        "--target=http://api.shop:80/",
        "a.shop",
        WATCH_NAMESPACE="shop,other",
        POD_NAMESPACE="shop",
        NAME="shop",
        DB="api.shop",
        DB_0="db-0.api.shop:1",
    )

    reported = moved(before, service)
    rewritten = moved(before, service, rewrite_service_names=True)

    assert len([one for one in reported.findings if one.severity == "warning"]) == 7
    assert reported.objects[1]["spec"] == before["spec"]
    container = rewritten.objects[1]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == [
        "--watch-namespace=shop-prod",
        "--namespace",
        "shop-prod",
        "--shop=shop",
        "--target=http://api.shop-prod:80/",
        "a.shop",
    ]
    assert {one["name"]: one["value"] for one in container["env"]} == {
        "WATCH_NAMESPACE": "shop-prod,other",
        "POD_NAMESPACE": "shop-prod",
        "NAME": "shop",
        "DB": "api.shop-prod",
        "DB_0": "db-0.api.shop-prod:1",
    }
    assert rewritten.findings == []


def test_a_url_that_may_name_a_service_is_reported_and_never_rewritten() -> None:
    result = moved(operator("--target=http://api.shop:80/"), rewrite_service_names=True)

    (container,) = result.objects[0]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["--target=http://api.shop:80/"]
    (finding,) = result.findings
    assert "names api.shop, which may be a Service" in finding.message


def test_services_in_annotations_are_reported_or_rewritten_and_snippets_only_reported() -> None:
    notes = {
        "nginx.ingress.kubernetes.io/auth-url": "http://auth.{}.svc.cluster.local:4180/auth",
        "nginx.ingress.kubernetes.io/upstream-vhost": "auth.{}.svc.cluster.local",
    }
    snippet = {
        "nginx.ingress.kubernetes.io/configuration-snippet": "proxy_pass http://auth.shop.svc;",
        "example.com/owner": "shop",
    }
    ingress = one(
        "networking.k8s.io/v1",
        "Ingress",
        {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}},
        metadata={"annotations": {key: text.format("shop") for key, text in notes.items()} | snippet},
    )
    pods = operator()
    template = pods["spec"]["template"]["metadata"]
    template["annotations"] = {"vault.hashicorp.com/service": "http://vault.shop.svc:8200"}

    reported = moved(ingress, pods)
    rewritten = moved(ingress, pods, rewrite_service_names=True)

    assert {one.rule for one in reported.findings} == {"namespaces/service-names-in-annotations"}
    assert len(reported.findings) == 4
    assert reported.objects[1]["metadata"]["annotations"] == ingress["metadata"]["annotations"]
    pods_after, after = rewritten.objects
    expected = {key: text.format("shop-prod") for key, text in notes.items()} | snippet
    assert after["metadata"]["annotations"] == expected
    assert pods_after["spec"]["template"]["metadata"]["annotations"] == {
        "vault.hashicorp.com/service": "http://vault.shop-prod.svc:8200"
    }
    (finding,) = rewritten.findings
    assert finding.message.startswith(
        "/metadata/annotations/nginx.ingress.kubernetes.io~1configuration-snippet"
    )


def test_service_accounts_in_arguments_and_variables_are_reported_and_never_rewritten() -> None:
    before = operator(
        "--allowed=system:serviceaccount:shop:api",
        "--other=system:serviceaccount:shop-old:api",
        GROUP="system:serviceaccounts:shop",
    )

    result = moved(before, rewrite_service_names=True)

    assert result.objects[0]["spec"] == before["spec"]
    assert [finding.severity for finding in result.findings] == ["warning", "warning"]
    assert all("names service accounts of shop," in finding.message for finding in result.findings)


@pytest.mark.parametrize(
    "expression",
    [
        "request.userInfo.username == 'system:serviceaccount:shop:api'",
        "request.userInfo.username.startsWith('system:serviceaccount:shop:')",
        "'system:serviceaccounts:shop' in request.userInfo.groups",
    ],
)
def test_service_accounts_in_expressions_are_reported(expression: str) -> None:
    conditions = [{"name": "x", "expression": expression}]
    result = moved(webhook(metadata=INJECTED, matchConditions=conditions))

    (finding,) = result.findings
    assert "compares with shop, a namespace that becomes shop-prod" in finding.message


def test_a_certificate_follows_the_short_name_of_a_service() -> None:
    certificate = one(
        "cert-manager.io/v1",
        "Certificate",
        {"dnsNames": ["hook", "hook.shop", "hook.shop.svc", "www.shop"], "commonName": "hook.shop"},
    )
    service = one("v1", "Service", {"ports": [{"port": 443}]}, metadata={"name": "hook"})

    after = next(each for each in moved(certificate, service).objects if each["kind"] == "Certificate")

    assert after["spec"] == {
        "dnsNames": ["hook", "hook.shop-prod", "hook.shop-prod.svc", "www.shop"],
        "commonName": "hook.shop-prod",
    }


def webhook(**more: Any) -> Manifest:
    config = {"service": {"name": "wh", "namespace": "shop"}, "caBundle": "Cg=="}
    hook = {
        "name": "a.example.com",
        "clientConfig": config,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return one(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        metadata={"namespace": ""} | more.pop("metadata", {}),
        webhooks=[hook | more],
    )


INJECTED = {"annotations": {"cert-manager.io/inject-ca-from": "shop/wh"}}


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (webhook(), "the API server will ask for wh.shop-prod.svc"),
        (
            webhook(metadata=INJECTED, matchConditions=[{"name": "x", "expression": "object.x != 'shop'"}]),
            "compares with shop, a namespace that becomes shop-prod",
        ),
        (
            one(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                {
                    "podSelector": {},
                    "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"name": "shop"}}}]}],
                },
            ),
            "selects namespaces with the label name: shop, which becomes shop-prod",
        ),
        (
            one("v1", "Secret", type="Opaque", data={"url": "aHR0cDovL2FwaS5zaG9wLnN2Yzo4MA=="}),
            "its key url names a Service in a namespace that gets another name",
        ),
    ],
    ids=["certificate", "expression", "label", "secret"],
)
def test_what_no_rule_can_rewrite_is_reported(manifest: Manifest, told: str) -> None:
    result = moved(manifest)

    assert [finding.severity for finding in result.findings] == ["warning"]
    assert told in result.findings[0].message


def test_a_webhook_whose_certificate_is_issued_anew_needs_nothing() -> None:
    result = moved(webhook(metadata=INJECTED))

    assert result.objects[0]["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "shop-prod/wh"}
    assert result.findings == []


def test_a_label_that_its_namespace_carries_goes_on_selecting_it() -> None:
    space = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"name": "shop"}},
    }
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"name": "shop"}}}]}
    policy = one("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {}, "ingress": [rule]})

    assert moved(space, policy).findings == []
