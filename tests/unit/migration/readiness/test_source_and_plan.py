"""The source's state, who else steers it, and names in the plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.cluster import Claim, LeftOut, Permission, PermissionResult
from migration_ops.migration.readiness_report.clusters import check_clocks, check_identity, check_rights
from migration_ops.migration.readiness_report.controllers import (
    check_autoscalers,
    check_gitops,
    check_operators,
)
from migration_ops.migration.readiness_report.movers import check_movers, mover_demands
from migration_ops.migration.readiness_report.plan_references import check_hooks_and_probes, check_waves
from migration_ops.migration.readiness_report.source_health import (
    check_source_nodes,
    check_source_pods,
    check_stopped,
)
from migration_ops.migration.readiness_report.vault_access import check_keys, check_vault, rates
from migration_ops.migration.readiness_report.volumes import check_claims, check_pod_volumes


def claim(name="data", **more):
    settings = {"access_modes": ("ReadWriteOnce",), "mounted_by": ("v1/Pod/shop/db-0",), "node": "n1"} | more
    return Claim("shop", name, "gp2", "8Gi", volume_mode="Filesystem", volume_name="pv-1", **settings)


def severities(findings):
    return [one.severity for one in findings]


def test_clocks_that_disagree_warn_and_then_block(make_facts):
    def at(skew):
        return severities(check_clocks(make_facts(clock_skew_seconds=skew), make_facts()))

    assert at(0.9) == []
    assert at(-30) == ["warning"]
    assert at(400) == ["blocker"]


def test_one_cluster_under_two_names_is_noticed(make_facts, make_plan):
    same = make_facts(identity="x")
    assert severities(check_identity(make_plan(namespaces={}), same, same)) == ["blocker"]
    assert severities(check_identity(make_plan(), same, same)) == ["decision"]
    assert check_identity(make_plan(), same, make_facts(identity="y")) == []


def test_versions_are_compared_with_each_other_and_with_the_plan(make_facts, make_plan):
    older = make_facts(identity="y", version="v1.19.0")
    assert severities(check_identity(make_plan(), make_facts(version="v1.20.2"), older)) == ["decision"]
    wanted = make_plan(target={"conn_id": "t", "version": "1.30"})
    assert severities(check_identity(wanted, make_facts(version="v1.20.2"), make_facts(identity="y"))) == [
        "warning"
    ]


def test_kinds_that_could_not_be_read_are_said(make_facts, make_plan):
    blind = make_facts(identity="y", unreadable={"nodes": "forbidden"})
    (found,) = check_identity(make_plan(), make_facts(), blind)
    assert "nodes could not be read" in found.reason


def test_missing_rights_block():
    answers = [
        PermissionResult(Permission("list", "pods"), allowed=True),
        PermissionResult(Permission("patch", "deployments", "apps", "shop"), allowed=False),
    ]
    (found,) = check_rights("source", answers)
    assert "patch deployments.apps in shop" in found.reason


def test_objects_of_an_argo_application_that_is_elsewhere_need_a_decision(
    make_capture, make_deployment, make_facts
):
    web = make_deployment()
    web["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
    }
    assert severities(check_gitops(make_capture(web), make_facts())) == ["decision"]
    assert severities(check_gitops(make_capture(web), make_facts(application))) == ["info"]


def test_flux_is_recognised_by_its_labels(make_capture, make_deployment, make_facts):
    web = make_deployment()
    web["metadata"]["labels"] = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    (found,) = check_gitops(make_capture(web), make_facts())
    assert (found.severity, found.object) == ("decision", "Flux Kustomization flux-system/apps")
    here = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "flux-system"},
    }
    assert severities(check_gitops(make_capture(web), make_facts(here))) == ["info"]


def test_workloads_of_an_operator_need_a_decision_and_replica_sets_do_not(make_capture):
    left = [
        LeftOut("apps/v1/StatefulSet/shop/pg", "made by its controller postgresql.cnpg.io/v1/Cluster pg"),
        LeftOut("apps/v1/ReplicaSet/shop/web-1", "made by its controller apps/v1/Deployment web"),
        LeftOut("v1/ConfigMap/shop/x", "made by its controller postgresql.cnpg.io/v1/Cluster pg"),
    ]
    (found,) = check_operators(make_capture(left_out=left))
    assert found.object == "apps/v1/StatefulSet/shop/pg"
    assert "Cluster pg" in found.suggestion


def test_keda_is_told_unless_it_is_paused(make_capture, make_facts):
    scaler = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "s", "namespace": "shop"},
    }
    assert severities(check_autoscalers(make_capture(), make_facts(scaler))) == ["info"]
    scaler["metadata"]["annotations"] = {"autoscaling.keda.sh/paused": "true"}
    assert check_autoscalers(make_capture(), make_facts(scaler)) == []


def test_claims_that_are_unusual_are_told(make_capture, make_facts):
    local = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pv-1"},
        "spec": {"local": {"path": "/disk"}},
    }
    assert severities(check_claims(make_capture(claims=[claim()]), make_facts(local))) == ["warning"]
    assert severities(check_claims(make_capture(claims=[claim(mounted_by=())]), make_facts())) == ["info"]
    single = claim(access_modes=("ReadWriteOncePod",))
    assert severities(check_claims(make_capture(claims=[single]), make_facts())) == ["decision"]
    left = LeftOut("v1/PersistentVolumeClaim/shop/cache", "annotated")
    assert severities(check_claims(make_capture(left_out=[left]), make_facts())) == ["info"]


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"hostPath": {"path": "/srv/data"}}, ["decision"]),
        ({"hostPath": {"path": "/var/run/docker.sock"}}, ["decision"]),
        ({"hostPath": {"path": "/etc/localtime"}}, []),
        ({"emptyDir": {}}, ["info"]),
        ({"emptyDir": {"medium": "Memory"}}, []),
        ({"nfs": {"server": "x", "path": "/"}}, ["decision"]),
        ({"csi": {"driver": "secrets-store.csi.k8s.io"}}, ["decision"]),
        ({"gitRepo": {"repository": "x"}}, ["decision"]),
        ({"configMap": {"name": "x"}}, []),
    ],
)
def test_data_outside_of_claims_is_found(make_capture, make_deployment, volume, expected):
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    web = make_deployment(volumes=[{"name": "v", **volume}], container=mounts)
    assert severities(check_pod_volumes(make_capture(web))) == expected


def test_scratch_space_is_no_finding(make_capture, make_deployment):
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/tmp"}]}
    web = make_deployment(volumes=[{"name": "v", "emptyDir": {}}], container=mounts)
    assert check_pod_volumes(make_capture(web)) == []


def pod(**status):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop"},
        "status": {"phase": "Running", **status},
    }


def test_pods_that_are_broken_before_are_told(make_facts):
    waiting = {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    (found,) = check_source_pods(make_facts(pod(containerStatuses=[waiting])), {"shop"})
    assert "CrashLoopBackOff" in found.reason
    assert check_source_pods(make_facts(pod()), {"shop"}) == []
    assert check_source_pods(make_facts(pod(containerStatuses=[waiting])), {"other"}) == []


def test_a_sick_node_with_a_volume_blocks_and_a_cordoned_one_does_not(make_facts, make_node):
    assert severities(check_source_nodes(make_facts(make_node(ready=False)), [claim()])) == ["blocker"]
    assert check_source_nodes(make_facts(make_node(cordoned=True)), [claim()]) == []
    assert check_source_nodes(make_facts(make_node()), [claim()]) == []


def test_what_an_open_cutover_stopped_needs_a_decision():
    stopped = {"apps/v1/Deployment/shop/web": "shop", "apps/v1/Deployment/elsewhere/web": "other"}
    (found,) = check_stopped(stopped, {"shop"})
    assert (found.severity, found.object) == ("decision", "apps/v1/Deployment/shop/web")
    assert "cutover of plan shop" in found.reason


def quota(namespace, **hard):
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": namespace},
        "spec": {"hard": hard},
    }


def test_a_quota_without_room_for_movers_blocks_on_its_side(make_plan, make_facts, make_node):
    plan = make_plan(movers={"image": "m", "requests": {"cpu": "1"}, "parallelism": {"source": 2}})
    claims = [claim(f"data-{number}") for number in range(3)]
    assert mover_demands(plan, claims, "source")[0].count == 2
    tight = make_facts(quota("shop", cpu="1500m"), make_node())
    (found,) = check_movers(plan, claims, "source", tight)
    assert (found.severity, found.object) == ("blocker", "v1/ResourceQuota/shop/q")
    assert check_movers(plan, claims, "target", tight) == []
    assert check_movers(plan, claims, "source", make_facts(quota("shop", cpu="2"))) == []


def test_movers_of_the_target_need_a_node_and_a_level(make_plan, make_facts, make_node):
    tainted = make_node(taints=[{"key": "dedicated", "effect": "NoSchedule"}])
    restricted = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop-prod", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    found = check_movers(make_plan(), [claim()], "target", make_facts(tainted, restricted))
    assert [one.object for one in found] == ["v1/Namespace//shop-prod", "movers in shop-prod of the target"]


def test_waves_that_name_nothing_are_told(make_plan, make_capture, make_deployment):
    plan = make_plan(quiesce={"waves": [["deployment/web", "statefulset/*"], ["shop-prod/deployment/w*"]]})
    (found,) = check_waves(plan, make_capture(make_deployment()))
    assert (found.object, "statefulset/*" in found.reason) == ("quiesce.waves[0]", True)


def test_probes_and_hooks_must_find_their_objects(make_plan, make_capture, make_deployment):
    plan = make_plan(
        verify={
            "probes": [{"http": {"service": "web"}}, {"exec": {"pod": "statefulset/db", "command": ["x"]}}]
        },
        quiesce={
            "hooks": [
                {"before": "quiesce", "exec": {"pod": "deployment/gone", "command": ["x"]}},
                {
                    "before": "quiesce",
                    "patch": {"apiVersion": "v1", "kind": "X", "name": "x", "merge": {"spec": None}},
                },
            ]
        },
    )
    found = check_hooks_and_probes(plan, make_capture(make_deployment()), [make_deployment()])
    assert [(one.severity, one.object) for one in found] == [
        ("blocker", "quiesce.hooks[0]"),
        ("blocker", "verify.probes[0]"),
        ("blocker", "verify.probes[1]"),
    ]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop-prod"}}
    database = make_deployment("db", kind="StatefulSet")
    again = check_hooks_and_probes(plan, make_capture(make_deployment()), [service, database])
    assert [one.object for one in again] == ["quiesce.hooks[0]"]


def test_a_plan_without_probes_is_warned(make_plan, make_capture):
    assert severities(check_hooks_and_probes(make_plan(), make_capture(), [])) == ["warning"]


def test_the_vault_must_be_reached_from_both_sides():
    fast = {"bytes": 8 * 2**20, "write_seconds": 0.5, "read_seconds": 0.25}
    assert rates(fast) == (16 * 2**20, 32 * 2**20)
    assert severities(check_vault({"source": fast, "target": fast}, 2**30)) == ["info", "info"]
    assert severities(check_vault({"source": None, "target": fast}, 2**30)) == ["blocker", "info"]
    slow = fast | {"read_seconds": 60}
    (_, found) = check_vault({"source": fast, "target": slow}, 2**30)
    assert (found.severity, "2.1 h" in found.reason) == ("warning", True)


def test_keys_that_end_before_a_mover_may_are_told_with_what_is_left(make_plan):
    plan, now = make_plan(movers={"image": "movers:1", "timeout": "24h"}), datetime.now(UTC)
    assert check_keys(plan, now + timedelta(hours=25), now) == []
    (found,) = check_keys(plan, now + timedelta(minutes=90), now)
    assert found.severity == "warning"
    assert found.object == f"connection {plan.vault.conn_id}"
    assert "are a role's and end in 1.5 h" in found.reason
    assert "may take 24.0 h (movers.timeout)" in found.reason
    assert "end in 0 s" in check_keys(plan, now - timedelta(minutes=5), now)[0].reason
