"""Whatever shape custom resources have, and whatever fields are null: every check gets to its end."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.cluster import CapturedObject, LeftOut
from migration_ops.migration.readiness_report import Situation, readiness_report
from migration_ops.transform import TransformResult

KEYS = st.sampled_from(
    [
        "spec",
        "template",
        "containers",
        "replicas",
        "volumeClaimTemplates",
        "volumes",
        "rules",
        "tls",
        "type",
        "metadata",
        "name",
        "jobTemplate",
        "selector",
        "resources",
        "requests",
        "minReplicas",
        "webhooks",
        "initContainers",
        "affinity",
        "image",
        "env",
        "ports",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.sampled_from(["", "x", "1Gi", "500m", "a/b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def objects(make_deployment, make_claim):
    web = make_deployment(requests={"cpu": "1"}, imagePullSecrets=[{"name": "acr"}])
    web["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    database = make_deployment("db", kind="StatefulSet")
    database["spec"]["volumeClaimTemplates"] = [make_claim()]
    return [web, database, make_claim()]


@pytest.fixture
def situation(objects, make_plan, make_facts, make_capture, make_node):
    return Situation(
        plan=make_plan(),
        source=make_facts(make_node(), name="source", identity="s"),
        target=make_facts(make_node()),
        capture=make_capture(*objects, left_out=[LeftOut("v1/ConfigMap/shop/x", "made by its controller ")]),
        adapted=TransformResult(objects=objects, changes=[], findings=[], dropped=[]),
        objects=objects,
        trial=[],
        pulls=[],
    )


def custom(spec):
    return {
        "apiVersion": "odd.example.com/v1",
        "kind": "Odd",
        "metadata": {"name": "odd", "namespace": "shop-prod"},
        "spec": spec,
    }


def seen(situation, *objects):
    capture = dataclasses.replace(
        situation.capture, objects=[CapturedObject(one, "chosen") for one in objects]
    )
    return dataclasses.replace(situation, capture=capture, objects=list(objects))


@RELAXED
@given(spec=VALUES)
def test_custom_resources_may_have_any_shape(situation, spec):
    report = readiness_report(seen(situation, *situation.objects, custom(spec)))
    assert any(one.object == "odd.example.com/v1/Odd" for one in report.blockers)


def places(value, path=()):
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, key)
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from places(below, (*path, number))


@RELAXED
@given(data=st.data())
def test_optional_fields_may_be_null(situation, data):
    objects = copy.deepcopy(list(situation.objects))
    needed = {"apiVersion", "kind", "metadata", "name", "namespace"}
    possible = [
        (number, path)
        for number, one in enumerate(objects)
        for path in places(one)
        if path[-1] not in needed and not isinstance(path[-1], int)
    ]
    number, path = data.draw(st.sampled_from(possible))
    place = objects[number]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = None
    assert readiness_report(seen(situation, *objects)).checked
