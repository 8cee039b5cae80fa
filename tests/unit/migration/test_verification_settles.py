"""What passes by itself is waited for, all of it in one look and bounded; what doesn't is told at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import create_autospec

import pytest
from kubernetes import client

from migration_ops.cluster import Cluster, ClusterUnreachable, NotFound
from migration_ops.migration import Plan
from migration_ops.migration.errors import VerificationError
from migration_ops.migration.verification import Verification, verify_target
from migration_ops.migration.verified_resources import verify_resources

PROBE = {"http": {"service": "web", "path": "/", "timeout": "5s"}}
OTHER = {"http": {"service": "web", "path": "/orders", "timeout": "5s"}}
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
NODE = "/api/v1/nodes/n1"

When = Callable[[float], bool]


def never(_: float) -> bool:
    return False


def between(since: float, until: float) -> When:
    return lambda now: since <= now < until


def before(moment: float) -> When:
    return between(0.0, moment)


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.pass_by)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Target(Cluster):
    """A target that holds a Service and its Deployment; what is wrong with it depends on the time."""

    def __init__(
        self,
        clock: Clock,
        *,
        unanswered: When = never,
        orders_unanswered: When = never,
        unreached: When = never,
        unready: When = never,
        node_away: When = never,
        server_away: tuple[float, float] = (0.0, 0.0),
        unserved: When = never,
        replicas: int = 1,
    ) -> None:
        self.clock = clock
        self.unanswered, self.orders_unanswered = unanswered, orders_unanswered
        self.unreached, self.unready, self.node_away = unreached, unready, node_away
        self.server_away, self.unserved, self.replicas = server_away, unserved, replicas
        self.returned_at, self.retry_seconds, self.name = float("-inf"), 150.0, "target"
        self.cache: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()

    def each(self, do: Any, items: Any, **_: Any) -> Any:
        return map(do, items)

    def get(self, path: str, **_: Any) -> Any:
        self.asked[path] += 1
        now = self.clock.now
        if "/proxy/" in path:
            wrong = self.orders_unanswered if path.endswith("/orders") else self.unanswered
            if self._is_away(now) or wrong(now):
                raise ClusterUnreachable("no endpoints available for service (503)")
            return "Teapots"
        if self._is_away(now):  # everything but a probe is repeated until the server answers
            self.clock.now = self.returned_at = now = self.server_away[1]
        return self._answer(path, now)

    def _is_away(self, now: float) -> bool:
        return self.server_away[0] <= now < self.server_away[1]

    def _answer(self, path: str, now: float) -> Any:
        ready = [{"type": "Ready", "status": "False" if self.node_away(now) else "True"}]
        is_up = not (self.node_away(now) or self.unready(now))
        pod_ready = [{"type": "Ready", "status": str(is_up)}]
        addresses = [{"addresses": [{"ip": "10.0.0.1"}]}] if is_up and not self.unreached(now) else []
        labels = {"labels": {"migration-ops.io/plan": "shop"}}
        metadata = {"name": "web", "namespace": "shop"} | labels
        pod = {
            "metadata": {"name": "web-1"},
            "spec": {"nodeName": "n1"},
            "status": {"conditions": pod_ready},
        }
        answers: dict[str, Any] = {
            **discovery_answers(apps=not self.unserved(now)),
            "/api/v1/namespaces/shop": {**OBJECTS[0], "metadata": {"name": "shop"} | labels},
            "/api/v1/namespaces/shop/services/web": {**OBJECTS[1], "metadata": metadata},
            WEB: {
                **OBJECTS[2],
                "metadata": metadata,
                "spec": {"replicas": self.replicas, "template": TEMPLATE},
                "status": dict.fromkeys(("availableReplicas", "updatedReplicas"), int(is_up)),
            },
            "/api/v1/namespaces/shop/endpoints": {
                "items": [{"metadata": {"name": "web", "namespace": "shop"}, "subsets": addresses}]
            },
            "/api/v1/namespaces/shop/pods": {"items": [pod]},
            NODE: {"status": {"conditions": ready}},
        }
        if path not in answers:
            raise NotFound(path, status=404)
        return answers[path]


TEMPLATE = {"metadata": {"labels": {"a": "b"}}}
OBJECTS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"a": "b"}},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 1, "template": TEMPLATE},
    },
]


def discovery_answers(*, apps: bool) -> dict[str, Any]:
    core = [
        {"name": plural, "kind": kind, "namespaced": kind != "Namespace", "verbs": ["get", "list"]}
        for plural, kind in (("namespaces", "Namespace"), ("services", "Service"), ("pods", "Pod"))
    ]
    deployments = {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get", "list"]}
    version = {"groupVersion": "apps/v1", "version": "v1"}
    group = {"name": "apps", "versions": [version], "preferredVersion": version}
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": [group] if apps else []},
        "/api/v1": {"groupVersion": "v1", "resources": core},
        "/apis/apps/v1": {"groupVersion": "apps/v1", "resources": [deployments]},
    }


def plan(*probes: dict[str, Any], **changes: Any) -> Plan:
    document: dict[str, Any] = {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "target": {"conn_id": "b"},
        "vault": {"conn_id": "v"},
        "movers": {"image": "mover:1"},
        "verify": {"probes": list(probes), **changes.pop("verify", {})},
    }
    return Plan.model_validate(document | changes)


def verify(target: Target, the_plan: Plan, said: list[str] | None = None, **volume: int) -> Verification:
    volumes = [{"namespace": "shop", "claim": "data", "bytes": 1, "summary": volume}]
    say = said.append if said is not None else lambda _: None
    api_client = create_autospec(client.ApiClient, instance=True)
    return verify_target(the_plan, target, api_client, OBJECTS, volumes, run="r", say=say)


def test_what_is_well_at_once_costs_one_look_and_no_request_more(clock: Clock) -> None:
    target = Target(clock)
    found = verify(target, plan(PROBE, OTHER))

    found.raise_for_differences()
    assert found.settled == []
    assert clock.now == 0
    asked = {path for path in target.asked if not path.endswith(("/readyz", "/api", "/apis", "/v1"))}
    assert asked == {
        "/api/v1/namespaces/shop",
        "/api/v1/namespaces/shop/services/web",
        WEB,
        "/api/v1/namespaces/shop/endpoints",
        "/api/v1/namespaces/shop/services/web:80/proxy/",
        "/api/v1/namespaces/shop/services/web:80/proxy/orders",
    }
    assert set(target.asked.values()) == {1}


@pytest.mark.parametrize(
    "trouble",
    [
        {"unanswered": before(40)},
        {"unreached": before(40)},
        {"unready": before(40)},
        {"unserved": before(40)},
    ],
    ids=lambda trouble: next(iter(trouble)),
)
def test_what_passes_within_the_time_is_told_and_no_failure(clock: Clock, trouble: dict[str, When]) -> None:
    said: list[str] = []
    found = verify(Target(clock, **trouble), plan(PROBE), said)

    found.raise_for_differences()
    assert 40 <= clock.now < 42
    assert found.settled
    assert "(for 39 s)" in found.settled[0] or "(for 40 s)" in found.settled[0]
    assert any(line.startswith("Settled: ") for line in found.lines())
    assert "Looking again for up to 60 s" in said[0]


@pytest.mark.parametrize(
    ("settle", "timeout", "ended"), [("60s", "5s", 60), ("0s", "20s", 20), ("30s", "90s", 90)]
)
def test_what_stays_is_a_failure_when_its_time_is_over(
    clock: Clock, settle: str, timeout: str, ended: float
) -> None:
    probe = {"http": {"service": "web", "timeout": timeout}}
    found = verify(Target(clock, unanswered=before(9999)), plan(probe, verify={"settle": settle}))

    assert ended <= clock.now < ended + 2
    with pytest.raises(VerificationError, match="http web:80/: 200 was expected: no endpoints"):
        found.raise_for_differences()


def test_endpoints_have_some_seconds_in_any_case(clock: Clock) -> None:
    verify(Target(clock, unreached=before(10)), plan(verify={"settle": "0s"})).raise_for_differences()
    assert 10 <= clock.now < 12


def test_content_that_differs_is_judged_at_once_with_everything_else_that_is_wrong(clock: Clock) -> None:
    for target, differences in ((Target(clock, unanswered=before(9), replicas=3), 0), (Target(clock), 2)):
        found = verify(target, plan(PROBE), differences=differences)
        assert clock.now == 0
        assert found.different
        with pytest.raises(VerificationError):
            found.raise_for_differences()


@pytest.mark.parametrize(
    ("kind", "field", "lasts"), [("NetworkPolicy", "ingress", True), ("Gateway", "selector", False)]
)
def test_what_others_added_fails_where_it_is_a_danger_and_is_told_elsewhere(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: str, field: str, lasts: bool
) -> None:
    target = Target(clock)
    live: dict[str, Any] = {
        "managedFields": [{"manager": "kubectl", "time": "2", "fieldsV1": {"f:spec": {f"f:{field}": {}}}}]
    }
    added: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {},
    }
    path = "/api/v1/namespaces/shop/services/web"
    answer = target._answer

    def answered(asked: str, now: float) -> Any:
        if asked == "/api/v1":
            entry = {"name": "services", "kind": kind, "namespaced": True, "verbs": ["get", "list"]}
            return {"groupVersion": "v1", "resources": [entry]}
        if asked == path:
            labels = {"labels": {"migration-ops.io/plan": "shop"}}
            return added | {"metadata": added["metadata"] | live | labels, "spec": {field: [{"a": "b"}]}}
        return answer(asked, now)

    monkeypatch.setattr(target, "_answer", answered)
    found = verify_resources(plan(), target, [added], "r")
    assert bool(found.different) is lasts
    assert bool(found.explained) is not lasts
    assert f"/spec/{field}" in (found.different + found.explained)[0]


def test_no_probe_passes_by_luck(clock: Clock) -> None:
    """The one answers early and then no more, the other late: never both at a time until the end."""
    first, second = between(10, 50), before(30)
    target = Target(clock, unanswered=first, orders_unanswered=second)
    found = verify(target, plan(PROBE, OTHER))

    found.raise_for_differences()
    assert clock.now >= 50
    assert len(found.settled) == 2


def test_a_passed_probe_is_not_asked_again_while_others_fail(clock: Clock) -> None:
    target = Target(clock, orders_unanswered=before(30))
    verify(target, plan(PROBE, OTHER)).raise_for_differences()
    assert target.asked["/api/v1/namespaces/shop/services/web:80/proxy/"] == 2


def test_the_time_begins_anew_when_the_api_server_comes_back(clock: Clock) -> None:
    target = Target(clock, server_away=(0.5, 70), unreached=before(120))
    target.clock.now = 0.5
    found = verify(target, plan(PROBE))

    found.raise_for_differences()
    assert 120 <= clock.now < 122


def test_a_node_that_is_away_is_waited_for_longer(clock: Clock) -> None:
    said: list[str] = []
    found = verify(Target(clock, node_away=before(300), unanswered=before(320)), plan(PROBE), said)

    found.raise_for_differences()
    assert 320 <= clock.now < 322
    assert "(not ready: node n1)" in said[0]


def test_but_not_for_ever(clock: Clock) -> None:
    the_plan = plan(PROBE, restore={"ready_timeout": "5m"})
    found = verify(Target(clock, node_away=before(99999)), the_plan)

    assert 300 <= clock.now < 300 + 60 + 150 + 2
    with pytest.raises(VerificationError, match="has no ready endpoint"):
        found.raise_for_differences()


def test_a_node_without_pods_that_wait_for_it_is_no_reason_to_wait(clock: Clock) -> None:
    target = Target(clock, unanswered=before(9999))
    verify(target, plan(PROBE))
    assert target.asked[NODE] == 0
    assert clock.now < 62
