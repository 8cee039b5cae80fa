"""Pods against nodes."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_ops.migration.readiness_report.capacity import adds_nodes_itself, check_capacity
from migration_ops.migration.readiness_report.placement import check_placement
from migration_ops.migration.readiness_report.pods import pod_demands, pod_requests
from migration_ops.migration.readiness_report.scheduling import why_not


def said(findings):
    return [(one.severity, one.object) for one in findings]


def running(name, node, cpu, labels=None):
    container = {"name": "c", "resources": {"requests": {"cpu": cpu}}}
    return {
        "metadata": {"name": name, "namespace": "shop-prod", "labels": labels or {}},
        "spec": {"nodeName": node, "containers": [container]},
    }


def test_what_fits_is_no_finding(make_deployment, make_node):
    demands = pod_demands([make_deployment(replicas=3, requests={"cpu": "1", "memory": "1Gi"})])
    assert check_capacity(demands, [make_node()], []) == []


def test_too_little_in_all_is_a_blocker_that_says_how_much(make_deployment, make_node):
    demands = pod_demands([make_deployment(replicas=6, requests={"cpu": "1"})])
    (found,) = check_capacity(demands, [make_node(cpu="4")], [])
    assert found.severity == "blocker"
    assert "2 of 6 pods" in found.reason
    assert "2 cpu too little in all" in found.reason


def test_a_pod_larger_than_every_node_is_a_blocker_although_the_sum_fits(make_deployment, make_node):
    demands = pod_demands([make_deployment(requests={"memory": "10Gi"})])
    (found,) = check_capacity(demands, [make_node("n1"), make_node("n2")], [])
    assert found.severity == "blocker"
    assert "no node has" in found.reason


def test_room_that_is_only_scattered_is_a_warning(make_deployment, make_node):
    demands = pod_demands([make_deployment(replicas=3, requests={"cpu": "1500m"})])
    (found,) = check_capacity(demands, [make_node("n1", cpu="2500m"), make_node("n2", cpu="2500m")], [])
    assert found.severity == "warning"
    assert "scattered" in found.reason


def test_pods_that_run_already_take_room_unless_they_are_replaced(make_deployment, make_node):
    demands = pod_demands([make_deployment(requests={"cpu": "2"})])
    others = [running("other", "n1", "3")]
    assert said(check_capacity(demands, [make_node()], others)) == [
        ("blocker", "apps/v1/Deployment/shop-prod/web")
    ]
    same = [running("web-1", "n1", "3", {"app": "web"})]
    assert check_capacity(demands, [make_node()], same) == []


def test_an_autoscaled_target_gets_information_instead(make_deployment, make_node):
    demands = pod_demands([make_deployment(replicas=9, requests={"cpu": "1"})])
    (found,) = check_capacity(demands, [make_node()], [], scales=True)
    assert found.severity == "info"


def test_virtual_nodes_and_the_autoscaler_are_recognised(make_node):
    assert adds_nodes_itself([], [make_node(labels={"type": "virtual-kubelet"})])
    assert adds_nodes_itself(["cluster-autoscaler-status"], [make_node()])
    assert not adds_nodes_itself([], [make_node()])


def test_pods_that_keep_apart_want_a_node_each(make_deployment, make_node):
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    demands = pod_demands([make_deployment(replicas=3, affinity=affinity)])
    (found,) = check_capacity(demands, [make_node("n1"), make_node("n2")], [])
    assert (found.severity, "anti-affinity" in found.reason) == ("blocker", True)


def test_a_daemon_set_takes_room_on_every_node(make_deployment, make_node):
    agent = make_deployment("agent", kind="DaemonSet", requests={"cpu": "3"})
    web = make_deployment("web", requests={"cpu": "2"})
    assert said(check_capacity(pod_demands([agent, web]), [make_node("n1"), make_node("n2")], [])) == [
        ("blocker", "apps/v1/Deployment/shop-prod/web")
    ]


def test_an_autoscalers_minimum_counts(make_deployment):
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop-prod"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 5},
    }
    assert pod_demands([make_deployment(), autoscaler])[0].count == 5


def test_requests_are_counted_as_the_scheduler_does():
    def container(cpu, **more):
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "initContainers": [container("100m", restartPolicy="Always"), container("2")],
        "containers": [container("500m"), {"name": "d", "resources": {"limits": {"cpu": "1"}}}],
        "overhead": {"cpu": "50m"},
    }
    assert pod_requests(spec)["cpu"] == pytest.approx(2.15)
    spec["initContainers"].pop()
    assert pod_requests(spec)["cpu"] == pytest.approx(1.65)


def test_a_selector_that_no_node_has_is_named_with_its_count(make_deployment, make_node):
    demands = pod_demands([make_deployment(nodeSelector={"disk": "ssd"})])
    (found,) = check_placement(demands, [make_node("n1"), make_node("n2")])
    assert found.severity == "blocker"
    assert "nodeSelector disk=ssd (2 nodes)" in found.reason


def test_a_taint_keeps_off_unless_it_is_tolerated(make_deployment, make_node):
    tainted = make_node(taints=[{"key": "dedicated", "value": "db", "effect": "NoSchedule"}])
    (found,) = check_placement(pod_demands([make_deployment()]), [tainted])
    assert "taint dedicated=db:NoSchedule" in found.reason
    for toleration in (
        {"key": "dedicated", "value": "db", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Exists"},
        {"operator": "Exists"},
    ):
        assert check_placement(pod_demands([make_deployment(tolerations=[toleration])]), [tainted]) == []


@pytest.mark.parametrize(
    ("operator", "values", "takes"),
    [
        ("In", ["a", "b"], True),
        ("NotIn", ["b"], True),
        ("NotIn", ["a"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["1"], False),
    ],
)
def test_affinity_is_decided_as_by_the_scheduler(make_node, operator, values, takes):
    term = {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    spec = {"affinity": {"nodeAffinity": required}}
    assert (why_not(make_node(labels={"zone": "a"}), spec) is None) is takes


def test_numbers_are_compared_by_gt_and_lt(make_node):
    def spec(operator, bound):
        term = {"matchExpressions": [{"key": "generation", "operator": operator, "values": [bound]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        return {"affinity": {"nodeAffinity": required}}

    node = make_node(labels={"generation": "7"})
    assert why_not(node, spec("Gt", "6")) is None
    assert why_not(node, spec("Lt", "6")) is not None


def test_extended_resources_that_no_node_offers_are_blockers(make_deployment, make_node):
    demands = pod_demands([make_deployment(requests={"nvidia.com/gpu": "2"})])
    (found,) = check_placement(demands, [make_node(), make_node(offers={"nvidia.com/gpu": "1"})])
    assert "asks for 2 nvidia.com/gpu" in found.reason


def test_nodes_that_take_nothing_are_named_and_block_when_there_are_no_others(make_deployment, make_node):
    demands = pod_demands([make_deployment()])
    assert said(check_placement(demands, [make_node(cordoned=True), make_node("n2")])) == [
        ("warning", "v1/Node//n1")
    ]
    assert ("blocker", "target") in said(check_placement(demands, [make_node(ready=False)]))


amount = st.integers(min_value=1, max_value=4000)


@given(
    st.lists(st.tuples(amount, st.integers(min_value=1, max_value=4)), min_size=1, max_size=6),
    st.lists(amount, min_size=1, max_size=4),
)
def test_what_is_called_a_blocker_never_fits_by_the_sum(wanted, rooms):
    nodes = [
        {
            "metadata": {"name": f"n{number}", "labels": {}},
            "spec": {},
            "status": {
                "allocatable": {"cpu": f"{size}m", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
        for number, size in enumerate(rooms)
    ]
    objects = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"w{number}", "namespace": "x"},
            "spec": {
                "replicas": count,
                "template": {
                    "metadata": {"labels": {"app": f"w{number}"}},
                    "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": f"{size}m"}}}]},
                },
            },
        }
        for number, (size, count) in enumerate(wanted)
    ]
    before = copy.deepcopy(nodes)
    blockers = [one for one in check_capacity(pod_demands(objects), nodes, []) if one.severity == "blocker"]
    too_much = sum(size * count for size, count in wanted) > sum(rooms)
    too_large = max(size for size, _ in wanted) > max(rooms)
    assert bool(blockers) <= (too_much or too_large)
    assert nodes == before
