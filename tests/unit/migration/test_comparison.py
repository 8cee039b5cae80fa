"""An object is what was asked for when only the server's own additions differ."""

import pytest

from migration_ops.migration.comparison import additions, differences


def deployment(**spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def test_defaults_that_the_server_added_are_no_difference():
    live = deployment(replicas=2, strategy={"type": "RollingUpdate"}) | {"status": {"replicas": 1}}
    assert differences(deployment(replicas=2), live) == []


def test_a_changed_value_is_named_by_its_place_and_not_shown():
    found = differences(deployment(env={"PASSWORD": "secret"}), deployment(env={"PASSWORD": "other"}))
    assert found == ["/spec/env/PASSWORD"]


@pytest.mark.parametrize(("asked", "stored"), [("1000m", "1"), ("1Gi", "1024Mi"), (1, "1"), ("0.5", "500m")])
def test_quantities_are_compared_by_their_amount(asked, stored):
    assert differences(deployment(limits={"cpu": asked}), deployment(limits={"cpu": stored})) == []


@pytest.mark.parametrize(("asked", "stored"), [("1.10", "1.1"), ("1k", "1000"), ("0.50", "0.5"), ("", None)])
def test_texts_are_no_quantities_and_keys_are_kept(asked, stored):
    def of(value):
        return {"kind": "ConfigMap", "metadata": {}, "data": {} if value is None else {"rate": value}}

    assert differences(of(asked), of(stored)) == ["/data/rate"]


def test_an_environment_is_text():
    asked, stored = (deployment(env=[{"name": "A", "value": text}]) for text in ("1.10", "1.1"))
    assert differences(asked, stored) == ["/spec/env/0/value"]
    assert differences({"data": {"cpu": "1k"}}, {"data": {"cpu": "1000"}}) == ["/data/cpu"]


@pytest.mark.parametrize("field", ["automountServiceAccountToken", "allowPrivilegeEscalation"])
def test_a_false_that_was_taken_away_where_true_is_the_default_is_a_difference(field):
    assert differences(deployment(**{field: False}), deployment()) == [f"/spec/{field}"]
    assert differences(deployment(**{field: False}), deployment(**{field: False})) == []


def test_the_order_of_a_command_counts():
    assert differences(deployment(command=["cp", "a", "b"]), deployment(command=["cp", "b", "a"])) == [
        "/spec/command/1",
        "/spec/command/2",
    ]


APPLIED = {"manager": "migration-ops", "operation": "Apply", "time": "2026-11-23T01:00:00Z"}


def touched(manager, *path, operation="Update", time="2026-11-23T02:00:00Z", **more):
    """What the server notes when a manager writes to a place."""
    tree = {}
    for key in reversed(path):
        tree = {key: tree}
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": tree, **more}


def as_live(manifest, *entries, **changes):
    return manifest | changes | {"metadata": manifest["metadata"] | {"managedFields": [APPLIED, *entries]}}


ROLE = {"kind": "Role", "metadata": {"name": "r"}, "rules": [{"resources": ["pods"], "verbs": ["get"]}]}
MORE_RULES = [*ROLE["rules"], {"resources": ["*"], "verbs": ["*"]}]
MORE_VERBS = [{"resources": ["pods"], "verbs": ["get", "delete"]}]
MAP = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}


@pytest.mark.parametrize(
    ("asked", "changes", "path", "place"),
    [
        (ROLE, {"rules": MORE_RULES}, ["f:rules"], "/rules/1"),
        (ROLE, {"rules": MORE_VERBS}, ["f:rules"], "/rules/0/verbs/1"),
        (MAP, {"data": {"a": "1", "b": "2"}}, ["f:data", "f:b"], "/data/b"),
        (deployment(), {"spec": {"paused": True}}, ["f:spec", "f:paused"], "/spec/paused"),
        (deployment(), {"spec": {"type": "NodePort"}}, ["f:spec", "f:type"], "/spec/type"),
        (
            deployment(containers=[{"name": "main", "env": [{"name": "A"}]}]),
            {"spec": {"containers": [{"name": "main", "env": [{"name": "A"}, {"name": "B"}]}]}},
            ["f:spec", "f:containers", 'k:{"name":"main"}', "f:env", 'k:{"name":"B"}'],
            "/spec/containers/0/env/1",
        ),
        (
            deployment(containers=[{"name": "main"}]),
            {"spec": {"containers": [{"name": "main"}, {"name": "spy"}]}},
            ["f:spec", "f:containers", 'k:{"name":"spy"}', "f:image"],
            "/spec/containers/1",
        ),
        (
            deployment(selector={"app": "web"}),
            {"spec": {"selector": {"app": "web", "v": "2"}}},
            ["f:spec", "f:selector"],
            "/spec/selector/v",
        ),
    ],
    ids=["rule", "verb", "key", "paused", "type", "env", "sidecar", "selector"],
)
def test_what_others_added_is_told_from_what_the_server_did(asked, changes, path, place):
    live = as_live(asked, touched("kubectl-edit", *path), **changes)
    assert additions(asked, live) == [place]
    assert differences(asked, live) == []
    same_request = touched("migration-ops", *path, time=APPLIED["time"])
    controller = touched("kube-controller-manager", *path)
    status = touched("kubectl", *path, subresource="status")
    elsewhere = touched("kubectl", "f:metadata", "f:labels")
    for entry in (same_request, controller, status, elsewhere):
        assert additions(asked, as_live(asked, entry, **changes)) == []
    assert additions(asked, asked | changes) == []


def test_lists_may_be_ordered_anew_or_have_grown():
    asked = deployment(finalizers=["a", "b"], secrets=[{"name": "x"}])
    live = deployment(finalizers=["b", "a"], secrets=[{"name": "token"}, {"name": "x", "extra": 1}])
    assert differences(asked, live) == []


def test_a_missing_list_element_is_a_difference():
    asked, live = deployment(ports=[{"port": 80}, {"port": 443}]), deployment(ports=[{"port": 80}])
    assert differences(asked, live) == ["/spec/ports/1"]


def test_empty_values_equal_absent_ones():
    assert differences(deployment(env=[], paused=False, note=None), deployment()) == []


def test_labels_and_annotations_count_and_other_metadata_does_not():
    asked = deployment() | {"metadata": {"name": "web", "uid": "1", "annotations": {"a/b": "1"}}}
    live = deployment() | {"metadata": {"name": "web", "uid": "2", "annotations": {"a/b": "2"}}}
    assert differences(asked, live) == ["/metadata/annotations/a~1b"]
