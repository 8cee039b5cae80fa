"""What is said of a dry run that a server cannot answer, and of an update that merges."""

from __future__ import annotations

import pytest

from migration_ops.cluster import Cluster, Discovery
from migration_ops.cluster import apply_one as applying
from migration_ops.cluster.apply_one import ApplySettings, ObjectResult, apply_one
from migration_ops.cluster.dry_run import DryRun
from migration_ops.cluster.errors import error_from_response
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.merging import what_stays
from migration_ops.cluster.refusals import explain
from migration_ops.cluster.stripping import strip_for_apply

from .conftest import FakeServer, Reply, status
from .targets import CONFIG_MAPS, SERVED, FakeTarget, config_map, notes


def tried(cluster: Cluster) -> ObjectResult:
    return apply_one(
        cluster,
        SERVED,
        config_map("1"),
        decision="create",
        why="",
        found=None,
        settings=ApplySettings("p", "r", dry_run=True, patience_seconds=0),
        deadline=0,
        notes=notes(cluster, "r"),
    )


def test_a_server_that_breaks_off_on_one_object_is_not_called_unreachable(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "TRIAL_SECONDS", 0.2)
    target = FakeTarget(server)
    target.refuse = lambda asked: Reply({}, cut=True) if asked.method == "PATCH" else None

    result = tried(cluster)

    assert result.action == "skipped"
    assert (
        "could not judge it: it breaks off the connection at a dry run of v1/ConfigMap/shop/x"
        in result.message
    )
    assert any(one.path.startswith(CONFIG_MAPS) for one in server.asked)


def test_a_server_that_comes_back_judges_after_all(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "TRIAL_SECONDS", 0.0)
    target = FakeTarget(server)
    breaks = [True, True]
    target.refuse = lambda asked: (
        Reply({}, cut=True) if asked.method == "PATCH" and breaks and breaks.pop() else None
    )

    assert tried(cluster).action == "created"


def test_a_pod_without_its_account_is_told_what_to_do() -> None:
    said = (
        'pods "bare" is forbidden: error looking up service account shop/nosuch: '
        'serviceaccount "nosuch" not found'
    )
    message = explain(error_from_response("apply v1/Pod/shop/bare", 403, {"message": said}), "create")

    assert message.startswith("its ServiceAccount nosuch is neither in the target nor in the set")
    assert "grant this verb" not in message


def test_rights_are_asked_for_only_where_they_would_help() -> None:
    said = 'pods is forbidden: User "x" cannot list resource "pods" in API group ""'
    assert "grant this verb" in str(error_from_response("list", 403, {"message": said}))
    quota = 'pods "a" is forbidden: exceeded quota: q'
    assert "grant this verb" not in str(error_from_response("apply", 403, {"message": quota}))


def test_an_api_service_names_its_port_as_it_is_by_default() -> None:
    service = {"name": "wh", "namespace": "shop"}
    manifest = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.example.com"},
        "spec": {"service": service},
    }
    assert strip_for_apply(manifest)["spec"]["service"] == service | {"port": 443}


def test_what_an_update_leaves_of_the_target_is_named() -> None:
    sent = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"a": "b"}},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "new"}]}}},
    }
    container = {"name": "c", "image": "new", "args": ["x"], "terminationMessagePath": "/dev/termination-log"}
    pod = {"containers": [container, {"name": "side", "image": "s"}], "dnsPolicy": "ClusterFirst"}
    merged = sent | {
        "metadata": {"name": "d", "labels": {"a": "b", "team": "x"}, "uid": "1"},
        "spec": {"replicas": 1, "template": {"spec": pod}},
    }

    assert what_stays(sent, sent) == ""
    assert "metadata.labels.a of" in what_stays(sent | {"metadata": {"name": "d"}}, sent)
    assert what_stays(sent, merged) == (
        "policy `update` merges: spec.template.spec.containers.c.args, spec.template.spec.containers.side, "
        "metadata.labels.team of the object that was there stays; `recreate` would replace it"
    )


@pytest.mark.parametrize(
    ("in_set", "in_target", "told"),
    [
        (False, False, "Service ops/hook of its conversion webhook is neither"),
        (True, False, ""),
        (False, True, ""),
    ],
)
def test_a_definition_whose_webhook_would_be_missing_is_found(
    server: FakeServer, cluster: Cluster, *, in_set: bool, in_target: bool, told: str
) -> None:
    client = {"service": {"namespace": "ops", "name": "hook"}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Gadget"},
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": client}},
        },
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook", "namespace": "ops"}}
    server.on(
        "/api/v1/namespaces/ops/services/hook",
        Reply(service) if in_target else status(404, "not found", "NotFound"),
    )
    kinds = Discovery(
        (
            ApiResource("", "v1", "Service", "services", namespaced=True),
            ApiResource(
                "apiextensions.k8s.io",
                "v1",
                "CustomResourceDefinition",
                "customresourcedefinitions",
                namespaced=False,
            ),
        )
    )

    verdict = DryRun(cluster, kinds, [definition, *([service] if in_set else [])]).without_server(definition)

    assert told in (verdict.message if verdict else "")
    assert bool(verdict) == bool(told)
