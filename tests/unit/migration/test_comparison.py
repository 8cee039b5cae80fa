"""An object is what was asked for when only the server's own additions differ."""

import pytest

from migration_ops.migration.comparison import differences


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
