"""Kinds, webhooks, names, levels and namespaces of the target."""

from __future__ import annotations

import re

import pytest

from migration_ops.cluster import Discovery, LeftOut, ObjectResult
from migration_ops.migration.readiness_report.kinds import check_capture, check_kinds
from migration_ops.migration.readiness_report.namespaces import check_namespaces, check_network_policies
from migration_ops.migration.readiness_report.pod_security import (
    ENFORCE,
    check_mover_levels,
    check_pod_security,
    violations,
)
from migration_ops.migration.readiness_report.pods import pod_demands
from migration_ops.migration.readiness_report.prerequisites import (
    check_prerequisites,
    check_target_references,
)
from migration_ops.migration.readiness_report.trial import check_dry_run, check_existing
from migration_ops.migration.readiness_report.webhooks import check_own_webhooks, check_target_webhooks

CUSTOM = {
    "apiVersion": "shop.io/v1",
    "kind": "Promotion",
    "metadata": {"name": "p", "namespace": "shop-prod"},
}
SECURE = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def definition(served=True):
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "promotions.shop.io"},
        "spec": {
            "group": "shop.io",
            "names": {"kind": "Promotion"},
            "versions": [{"name": "v1", "served": served}],
        },
    }


def namespace(name="shop-prod", **metadata):
    phase = metadata.pop("phase", "Active")
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, **metadata},
        "status": {"phase": phase},
    }


def webhook(policy="Fail", **more):
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["*"],
        "resources": ["deployments"],
        "operations": ["CREATE"],
    }
    hook = {
        "name": "check.example.com",
        "failurePolicy": policy,
        "rules": [rule],
        "clientConfig": {"service": {"namespace": "guard", "name": "guard"}},
        **more,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "guard"},
        "webhooks": [hook],
    }


def endpoints(ready):
    subsets = (
        [{"addresses": [{"ip": "10.0.0.1"}]}] if ready else [{"notReadyAddresses": [{"ip": "10.0.0.1"}]}]
    )
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "guard", "namespace": "guard"},
        "subsets": subsets,
    }


def test_a_kind_that_is_not_served_blocks_once_with_all_its_objects(make_facts):
    other = {**CUSTOM, "metadata": {"name": "q", "namespace": "shop-prod"}}
    (found,) = check_kinds([CUSTOM, other], make_facts().served)
    assert (found.severity, found.object) == ("blocker", "shop.io/v1/Promotion")
    assert "shop-prod/p, shop-prod/q" in found.reason


@pytest.mark.parametrize(("served", "number"), [(True, 1), (False, 2)])
def test_a_definition_that_comes_along_serves_its_kind(make_facts, served, number):
    assert len(check_kinds([definition(served), CUSTOM], make_facts().served)) == number


def test_another_version_that_the_target_serves_is_suggested(make_facts, make_deployment):
    old = make_deployment() | {"apiVersion": "apps/v1beta1"}
    (found,) = check_kinds([old], make_facts().served)
    assert "serves v1: convert" in found.suggestion


def test_apis_without_answer_are_warnings(make_facts):
    away = Discovery((), {"metrics.k8s.io/v1beta1": "503"})
    assert [one.severity for one in check_kinds([], away)] == ["warning"]


def test_what_the_source_did_not_show_is_said(make_capture):
    found = check_capture(make_capture(CUSTOM, unreadable=[LeftOut("v1/Secret", "forbidden")]))
    assert [(one.severity, one.object) for one in found] == [("warning", "v1/Secret")]
    assert [one.severity for one in check_capture(make_capture())] == ["blocker"]


def test_a_webhook_without_backend_blocks_what_it_is_asked_about(make_facts, make_deployment, make_claim):
    objects = [make_deployment(), make_claim()]
    target = make_facts(webhook(), endpoints(ready=False))
    (found,) = check_target_webhooks(target, objects)
    assert found.severity == "blocker"
    assert "1 objects would be refused" in found.reason
    assert check_target_webhooks(make_facts(webhook(), endpoints(ready=True)), objects) == []


def test_a_webhook_that_may_be_ignored_only_warns(make_facts, make_deployment):
    (found,) = check_target_webhooks(make_facts(webhook("Ignore")), [make_deployment()])
    assert found.severity == "warning"


@pytest.mark.parametrize(
    "selector",
    [
        {"namespaceSelector": {"matchLabels": {"guarded": "yes"}}},
        {"objectSelector": {"matchLabels": {"guarded": "yes"}}},
        {"rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["*"]}]},
        {
            "namespaceSelector": {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop-prod"]}
                ]
            }
        },
    ],
)
def test_a_webhook_that_is_not_asked_says_nothing(make_facts, make_deployment, selector):
    assert check_target_webhooks(make_facts(webhook(**selector)), [make_deployment()]) == []


def test_labels_of_a_namespace_that_exists_decide_too(make_facts, make_deployment):
    guarded = webhook(namespaceSelector={"matchLabels": {"guarded": "yes"}})
    target = make_facts(guarded, namespace(labels={"guarded": "yes"}))
    assert len(check_target_webhooks(target, [make_deployment()])) == 1


def test_a_webhook_that_comes_along_needs_its_service(make_facts):
    (found,) = check_own_webhooks(make_facts(), [webhook()])
    assert "Service guard/guard" in found.reason
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "guard", "namespace": "guard"}}
    assert check_own_webhooks(make_facts(), [webhook(), service]) == []
    assert check_own_webhooks(make_facts(service), [webhook()]) == []


@pytest.mark.parametrize("about", ["admission", "conversion"])
def test_a_webhook_needs_the_pods_behind_its_service(make_facts, make_deployment, about):
    selector = {"selector": {"app": "guard"}}
    metadata = {"name": "guard", "namespace": "guard"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": selector}
    item = webhook()
    if about == "conversion":
        client = {"service": {"namespace": "guard", "name": "guard"}}
        item = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "guards.example.com"},
            "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": client}}},
        }
    (found,) = check_own_webhooks(make_facts(), [item, service, make_deployment()])
    assert (found.severity, "without its pods" in found.reason) == ("warning", True)
    behind = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"template": {"metadata": {"labels": {"app": "guard", "more": "yes"}}, "spec": {}}},
    }
    assert check_own_webhooks(make_facts(), [item, service, behind]) == []
    assert check_own_webhooks(make_facts(endpoints(ready=True)), [item, service]) == []


def test_classes_that_are_named_must_exist_or_come_along(make_facts, make_deployment):
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}}
    other = priority | {"metadata": {"name": "other"}}
    objects = [make_deployment(priorityClassName="high")]
    (found,) = check_prerequisites(objects, pod_demands(objects), make_facts(other))
    assert "PriorityClass high" in found.reason
    assert "there are: other" in found.suggestion
    assert check_prerequisites([*objects, priority], pod_demands(objects), make_facts(other)) == []
    assert check_prerequisites(objects, pod_demands(objects), make_facts(other, priority)) == []


def test_what_was_not_read_is_not_said_to_be_missing(make_facts, make_deployment):
    objects = [make_deployment(priorityClassName="high", runtimeClassName="gvisor")]
    assert check_prerequisites(objects, pod_demands(objects), make_facts()) == []


def test_configuration_that_stays_behind_is_a_decision_unless_optional(make_facts, make_deployment):
    def web(**more):
        return [make_deployment(container={"envFrom": [{"configMapRef": {"name": "settings", **more}}]})]

    (found,) = check_prerequisites(web(), pod_demands(web()), make_facts())
    assert (found.severity, "ConfigMap settings" in found.reason) == ("decision", True)
    assert check_prerequisites(web(), pod_demands(web(optional=True)), make_facts()) == []


def test_other_schedulers_and_missing_accounts_are_found(make_facts, make_deployment):
    objects = [make_deployment(schedulerName="volcano", serviceAccountName="web")]
    demands = pod_demands(objects)
    assert "volcano" in check_prerequisites(objects, demands, make_facts())[0].reason
    (found,) = check_target_references(demands, objects, make_facts())
    assert found.severity == "blocker"
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "web", "namespace": "shop-prod"},
    }
    assert check_target_references(demands, [*objects, account], make_facts()) == []


def test_levels_refuse_what_the_standards_refuse(make_deployment):
    plain = {"containers": [{"name": "c"}]}
    assert violations(plain, "baseline") == []
    assert len(violations(plain, "restricted")) == 4
    assert violations({"containers": [{"name": "c", "securityContext": SECURE}]}, "restricted") == []
    host = {"hostNetwork": True, "volumes": [{"name": "h", "hostPath": {"path": "/"}}], "containers": []}
    assert violations(host, "baseline") == ["hostNetwork", "hostPath volume h"]
    assert violations(host, "privileged") == []
    strong = {
        "containers": [{"name": "c", "securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}}]
    }
    assert violations(strong, "baseline") == ["capabilities SYS_ADMIN of container c"]


def test_pods_and_movers_are_held_against_their_namespaces_level(make_facts, make_deployment):
    restricted = namespace(labels={ENFORCE: "restricted"})
    demands = pod_demands([make_deployment()])
    (found,) = check_pod_security(demands, [], make_facts(restricted))
    assert found.object == "apps/v1/Deployment/shop-prod/web"
    assert check_pod_security(demands, [], make_facts(namespace())) == []
    (found,) = check_mover_levels({"shop-prod"}, [restricted])
    assert found.object == "v1/Namespace//shop-prod"
    assert check_mover_levels({"shop-prod"}, [namespace(labels={ENFORCE: "baseline"})]) == []


def test_a_namespace_that_is_being_deleted_blocks(make_facts):
    (found,) = check_namespaces(["shop-prod"], make_facts(namespace(phase="Terminating")), [])
    assert found.severity == "blocker"


def test_a_namespaces_own_node_selector_and_mesh_are_told(make_facts):
    here = namespace(
        annotations={"openshift.io/node-selector": "region=east"}, labels={"istio-injection": "enabled"}
    )
    found = check_namespaces(["shop-prod"], make_facts(), [here])
    assert [one.severity for one in found] == ["warning", "info"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"podSelector": {}, "policyTypes": ["Egress"]}, True),
        ({"podSelector": {}, "policyTypes": ["Ingress"]}, False),
        ({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}, False),
        ({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]}, False),
    ],
)
def test_a_policy_that_lets_nobody_out_is_told(spec, told):
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": "shop-prod"},
        "spec": spec,
    }
    assert bool(check_network_policies(["shop-prod"], [policy])) is told


def test_what_the_dry_run_refuses_blocks_and_keeps_secrets():
    marker = "s3cr3t-marker"
    refused = ObjectResult(
        "v1/Secret/shop-prod/login", "failed", f'data[key]: Invalid value: "{marker}": must be base64'
    )
    (found,) = check_dry_run([refused, ObjectResult("v1/Service/shop-prod/web", "created")])
    assert found.severity == "blocker"
    assert marker not in found.line()
    assert "must be base64" in found.reason


def test_what_the_target_can_not_judge_is_a_warning():
    message = "target could not judge it: it breaks off the connection"
    (found,) = check_dry_run([ObjectResult("apiregistration.k8s.io/v1/APIService//v1.x", "skipped", message)])
    assert (found.severity, found.reason) == ("warning", message)


def test_what_an_update_would_leave_is_part_of_the_warning():
    updated = ObjectResult("v1/ConfigMap/shop-prod/b", "updated", "policy `update` merges: data.x stays")
    (found,) = check_existing([updated])
    assert "would be overwritten (restore.existing); policy `update` merges: data.x stays" in found.reason


def test_what_is_there_already_is_said_with_what_the_policy_does():
    results = [
        ObjectResult("v1/Namespace//shop-prod", "skipped", "exists"),
        ObjectResult("v1/ConfigMap/shop-prod/a", "skipped", "an object of that name exists"),
        ObjectResult("v1/ConfigMap/shop-prod/b", "updated"),
        ObjectResult("v1/PersistentVolumeClaim/shop-prod/c", "skipped", "a claim of that name exists"),
        ObjectResult("v1/PersistentVolumeClaim/shop-prod/d", "skipped", "staged by this plan"),
        ObjectResult("v1/ConfigMap/shop-prod/e", "created"),
    ]
    assert [(one.severity, one.object[-1]) for one in check_existing(results)] == [
        ("warning", "a"),
        ("warning", "b"),
        ("decision", "c"),
    ]


@pytest.mark.parametrize(
    ("takes_over", "said"),
    [(False, "would be left as it is"), (True, "would be deleted.*no rollback brings it back")],
)
def test_what_becomes_of_the_data_in_somebody_elses_claim_is_said_as_it_is(takes_over, said):
    results = [ObjectResult("v1/PersistentVolumeClaim/shop-prod/c", "skipped", "a claim of that name exists")]
    (found,) = check_existing(results, takes_over_claims=takes_over)
    assert found.severity == "decision"
    assert re.search(said, found.reason)
