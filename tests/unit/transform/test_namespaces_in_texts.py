"""Names of namespaces within texts: flags, variables, URLs, annotations, expressions, certificates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.transform.renamed_namespace import Manifest, moved, one


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
