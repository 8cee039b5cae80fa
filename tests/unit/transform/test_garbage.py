"""Manifests come from anywhere: the answer is a result, a blocker or an error, never a crash."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.transform import (
    ManifestError,
    Parameters,
    TransformResult,
    load_rule_sets,
    read_manifests,
    transform,
)
from migration_ops.transform.objects import check_identity

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = [item for path in sorted(GOLDEN.glob("*/source.yaml")) for item in read_manifests(str(path))]
GARBAGE = [None, 0, "", [], {}, "x", [None], {"a": None}, [[]], True, ["a"], [{}]]
PROVIDERS = ("eks", "gke", "aks", "tke", "cce", "onprem")
RULE_SETS = load_rule_sets(["api-versions", *(f"{provider}-to-ack" for provider in PROVIDERS)])
PARAMETERS = Parameters(
    storage_classes={"*": "alicloud-disk-essd"},
    image_registries={"docker.io/": "registry.example.com/"},
    namespaces={"orders": "orders-prod", "site": "site-cn"},
    params={
        "ram_roles": {"x": "y"},
        "alb_vswitches": ["a", "b"],
        "nginx_ingress": "alb",
        "rewrite_service_names": True,
        "managed_services": [{"service": "orders/api", "host": "192.168.0.1"}],
        "nlb_zone_maps": "a:b",
        "source_ranges_acl": "acl-1",
    },
)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if above:
        yield above
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places(member, (*above, key))


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    manifest = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    *above, last = draw(st.sampled_from([place for place in places(manifest) if place != ("kind",)]))
    container = manifest
    for key in above:
        container = container[key]
    container[last] = copy.deepcopy(draw(st.sampled_from(GARBAGE)))
    return manifest


@given(manifest=damaged())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_manifest_never_breaks_the_engine(manifest: Any) -> None:
    with contextlib.suppress(ManifestError):  # it lost its name
        check_identity(manifest)
        result = transform([manifest], RULE_SETS, PARAMETERS)
        assert_settled(result)


def assert_settled(result: TransformResult) -> None:
    assert result.objects or result.dropped
    if not result.blockers:
        assert transform(result.objects, RULE_SETS, PARAMETERS).changes == []


def test_a_manifest_of_another_shape_is_a_blocker_on_the_object() -> None:
    ingress = {
        "apiVersion": "networking.k8s.io/v1beta1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"backend": {"serviceName": "web", "servicePort": {"a": 1}}},
    }

    (blocker,) = transform([ingress], RULE_SETS, PARAMETERS).blockers

    assert blocker.object == "networking.k8s.io/v1beta1/Ingress/shop/web"
    assert "isn't shaped like Ingress of networking.k8s.io/v1beta1" in blocker.message
