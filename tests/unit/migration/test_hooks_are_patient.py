"""A hook waits for a node, a webhook or a server that comes back, and begins no command twice."""

import time
from unittest.mock import create_autospec

import pytest
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from migration_ops.cluster import Cluster, Discovery, NotFound, ServerFailed
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.suspension import merge
from migration_ops.migration import MigrationError, Plan, plan_hooks

EXEC = {"exec": {"namespace": "shop", "pod": "db-0", "command": ["psql"]}}
PATCH = {"patch": {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "merge": {"data": {"a": "b"}}}}
AWAY = "Handshake status 500 Internal Server Error -+-+- dial tcp 10.0.0.1:10250: connection refused"


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.pass_by)

    def pass_by(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def refused(reason):
    """What `run_in_pod` raises when the command isn't begun."""
    error = MigrationError(f"exec in shop/db-0: {reason}")
    error.__cause__ = ApiException(status=0, reason=reason)
    return error


def cut():
    """What it raises when nobody knows how the command ended."""
    error = MigrationError("the connection was cut before the command's end was told")
    error.__cause__ = TypeError()
    return error


def plan_with(hook):
    """A plan with one hook before the stop."""
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "vault": {"conn_id": "b"},
            "movers": {"image": "mover:1"},
            "quiesce": {"hooks": [{"before": "quiesce"} | hook]},
        }
    )


def run(monkeypatch, clock, hook, outcome, *, until, find=lambda *_: "db-0"):
    """Run a hook that meets with an outcome until a moment; say what was said and how often it was tried."""
    tried = []

    def attempt(*_args, **_options):
        tried.append(clock.now)
        if clock.now < until:
            raise outcome
        return 0, ""

    cluster = create_autospec(Cluster, instance=True)
    config_maps = ApiResource("", "v1", "ConfigMap", "configmaps", namespaced=True)
    cluster.cache = {"discovery": Discovery((config_maps,))}
    cluster.get.return_value = {"metadata": {"name": "x"}, "data": {"a": "before"}}
    cluster.patch.side_effect = attempt
    monkeypatch.setattr(plan_hooks, "find_pod", find)
    monkeypatch.setattr(plan_hooks, "run_in_pod", attempt)
    plan = plan_with(hook)
    said = []
    api = create_autospec(ApiClient, instance=True)
    options = {"place": "before", "step": "quiesce", "namespaces": ["shop"], "say": said.append}
    try:
        plan_hooks.run_hooks(plan, cluster, api, **options)
    except MigrationError as error:
        said.append(str(error))
    return said[-1], len(tried)


@pytest.mark.parametrize(
    ("hook", "outcome"),
    [
        (EXEC, refused(AWAY)),
        (EXEC, refused("[Errno 111] Connection refused")),
        (PATCH, ServerFailed("failed calling webhook: connection refused", status=500)),
    ],
    ids=["node", "server", "webhook"],
)
def test_what_comes_back_within_a_minute_is_waited_for(monkeypatch, clock, hook, outcome):
    said, tries = run(monkeypatch, clock, hook, outcome, until=40)
    assert said.endswith(": done")
    assert tries > 1
    said, _ = run(monkeypatch, clock, hook, outcome, until=9999)
    assert "failed: " in said
    assert 100 <= clock.now < 110


@pytest.mark.parametrize(
    ("hook", "outcome"),
    [
        (EXEC, cut()),
        (EXEC, MigrationError("exec in shop/db-0: no end after 60 s")),
        (EXEC, MigrationError("no pod of deployment/x in shop is running")),
        (EXEC, refused("Handshake status 404 Not Found")),
        (EXEC, refused("Handshake status 403 Forbidden")),
        (PATCH, NotFound("not found", status=404)),
    ],
    ids=["cut", "too long", "no pod", "pod gone", "no right", "no object"],
)
def test_what_has_begun_or_stays_is_not_tried_again(monkeypatch, clock, hook, outcome):
    said, tries = run(monkeypatch, clock, hook, outcome, until=1)
    assert "failed: " in said
    assert (tries, clock.now) == (1, 0)


def test_a_workload_that_is_missing_is_a_failure_that_may_be_passed_over(monkeypatch, clock):
    def missing(*_):
        raise NotFound('deployments "web" not found', status=404)

    may_fail = {"exec": EXEC["exec"] | {"pod": "deployment/web", "on_error": "continue"}}
    said, _ = run(monkeypatch, clock, may_fail, None, until=0, find=missing)
    assert said == 'hook before quiesce in deployment/web: deployments "web" not found'


@pytest.mark.parametrize(("kind", "noted"), [("ConfigMap", True), ("Secret", False)])
def test_what_a_patch_changes_is_noted_and_put_back_when_the_source_is_resumed(kind, noted):
    current = {"metadata": {"name": "x"}, "data": {"a": "before"}}
    cluster = create_autospec(Cluster, instance=True)
    served = ApiResource("", "v1", kind, "things", namespaced=True)
    cluster.cache = {"discovery": Discovery((served,))}
    cluster.get.side_effect = lambda *_, **__: current
    cluster.patch.side_effect = lambda _, patch, **__: merge(current, patch)
    hook = {"patch": PATCH["patch"] | {"kind": kind}}
    said = []

    options = {"place": "before", "step": "quiesce", "namespaces": ["shop"], "say": said.append}
    plan_hooks.run_hooks(plan_with(hook), cluster, create_autospec(ApiClient, instance=True), **options)
    assert current["data"] == {"a": "b"}
    assert plan_hooks.put_back(plan_with(hook), cluster, said.append) == []
    assert plan_hooks.put_back(plan_with(hook), cluster, said.append, patiently=True) == []
    assert current["data"] == {"a": "before" if noted else "b"}
    assert said.count(f"{kind} x as before its hook: done") == int(noted)
