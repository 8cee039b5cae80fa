"""What surely fails after a cutover was approved is found before anybody is asked."""

import pytest

from migration_ops.cluster import Capture, ObjectResult
from migration_ops.cluster.captured import LeftOut
from migration_ops.migration.readiness_report import Situation, readiness_report
from migration_ops.migration.readiness_report.controllers import check_gitops
from migration_ops.migration.readiness_report.hook_objects import check_hook_objects
from migration_ops.migration.readiness_report.plan_references import (
    check_budgets,
    check_hooks_and_probes,
    check_waves,
)
from migration_ops.migration.readiness_report.trial import check_dry_run
from migration_ops.transform import TransformResult


def told(findings):
    return [(one.severity, one.reason) for one in findings]


@pytest.mark.parametrize(
    ("pattern", "severity"),
    [("deployment/wbe", "blocker"), ("pod/lonely", "blocker"), ("deployment/cache", "warning")],
)
def test_a_wave_that_names_nothing_is_what_the_stop_refuses(
    make_plan, make_capture, make_deployment, pattern, severity
):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely", "namespace": "shop"}, "spec": {}}
    left = [
        LeftOut("apps/v1/Deployment/shop/cache", "not selected"),
        LeftOut("batch/v1/Job", "kind is excluded"),
    ]
    capture = make_capture(make_deployment(), pod, left_out=left)
    plan = make_plan(quiesce={"waves": [["deployment/web"], [pattern]]})
    (found,) = check_waves(plan, capture)
    assert (found.severity, found.object) == (severity, "quiesce.waves[1]")


@pytest.mark.parametrize(
    ("spec", "allowed", "blocks"),
    [({"minAvailable": 1}, 1, True), ({"minAvailable": 0}, 0, False), ({"maxUnavailable": 2}, 2, False)],
)
def test_a_budget_that_is_to_be_respected_and_forbids_blocks(make_plan, make_capture, spec, allowed, blocks):
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b", "namespace": "shop"},
        "spec": spec,
        "status": {"disruptionsAllowed": allowed, "currentHealthy": 2},
    }
    respected = make_plan(quiesce={"disruption_budgets": "respect"})
    assert bool(check_budgets(respected, make_capture(budget))) is blocks
    assert check_budgets(make_plan(), make_capture(budget)) == []


@pytest.mark.parametrize(
    ("replicas", "container", "said"),
    [
        (0, None, "has no replicas"),
        (1, "sidecar", "has no container sidecar; there are main"),
        (1, "main", ""),
    ],
)
def test_a_command_needs_a_container(make_plan, make_capture, make_deployment, replicas, container, said):
    web = make_deployment(replicas=replicas)
    command = {"pod": "deployment/web", "command": ["x"]} | ({"container": container} if container else {})
    plan = make_plan(
        quiesce={"hooks": [{"before": "quiesce", "exec": command}]}, verify={"probes": [{"exec": command}]}
    )
    found = told(check_hooks_and_probes(plan, make_capture(web), [web]))
    assert [severity for severity, _ in found] == (["blocker"] * 2 if said else [])
    assert all(said in reason for _, reason in found)


@pytest.mark.parametrize(("on_error", "severity"), [("fail", "blocker"), ("continue", "warning")])
def test_a_hook_that_would_patch_nothing_is_told(make_plan, on_error, severity):
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "merge": {"data": {"paused": "true"}}}
    hook = {"before": "quiesce", "patch": patch | {"namespace": "shop", "on_error": on_error}}
    plan = make_plan(quiesce={"hooks": [hook]})
    (found,) = check_hook_objects(plan, {0: "it isn't there"})
    assert (found.severity, found.object) == (severity, "quiesce.hooks[0].patch")


@pytest.mark.parametrize(("port", "blocks"), [(80, False), ("http", False), (8080, True), ("grpc", True)])
def test_a_request_needs_a_port(make_plan, make_capture, port, blocks):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop-prod"},
        "spec": {"ports": [{"port": 80, "name": "http"}]},
    }
    plan = make_plan(verify={"probes": [{"http": {"service": "web", "port": port}}]})
    found = told(check_hooks_and_probes(plan, make_capture(), [service]))
    assert found == ([("blocker", f"Service web has no port {port}; there are 80, http")] if blocks else [])


def test_an_application_set_undoes_the_suspension(make_capture, make_facts):
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "shop",
            "namespace": "argocd",
            "ownerReferences": [{"kind": "ApplicationSet", "name": "all", "controller": True}],
        },
        "spec": {"syncPolicy": {"automated": {}}},
    }
    (found,) = check_gitops(make_capture(), make_facts(application))
    assert (found.severity, "ApplicationSet all" in found.reason) == ("warning", True)
    by_hand = application | {"spec": {}}
    assert check_gitops(make_capture(), make_facts(by_hand)) == []


def test_argo_may_track_by_a_label_that_helm_sets_too(make_capture, make_deployment, make_facts):
    web = make_deployment()
    web["metadata"]["labels"] = {"app.kubernetes.io/instance": "shop"}
    (found,) = check_gitops(make_capture(web), make_facts())
    assert found.severity == "info"
    web["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    assert check_gitops(make_capture(web), make_facts()) == []


def test_a_quota_is_no_matter_of_rights():
    message = 'claims "x" is forbidden: exceeded quota: q, limited: 1; grant this verb to the account'
    (found,) = check_dry_run([ObjectResult("v1/PersistentVolumeClaim/shop/x", "failed", message)])
    assert "grant" not in found.reason
    assert "raise the quota" in found.reason


@pytest.mark.parametrize(("action", "blocks"), [("created", True), ("skipped", False), ("unchanged", False)])
def test_a_quota_has_counted_what_is_there_already(make_plan, make_facts, action, blocks):
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "shop-prod"},
    }
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "shop-prod"},
        "spec": {"hard": {"configmaps": "1"}},
        "status": {"used": {"configmaps": "1"}},
    }
    situation = Situation(
        plan=make_plan(),
        source=make_facts(identity="s"),
        target=make_facts(quota),
        capture=Capture(objects=[], claims=[]),
        adapted=TransformResult([], [], [], []),
        objects=[settings],
        trial=[ObjectResult("v1/ConfigMap/shop-prod/c", action, "exists")],
    )
    found = [one for one in readiness_report(situation).blockers if one.check == "quota"]
    assert bool(found) is blocks
