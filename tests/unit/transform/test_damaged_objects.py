"""One object that is damaged, or there twice, never keeps the others back without being named."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_ops.transform import ManifestError, Parameters, load_rule_sets, read_manifests, transform

WHOLE = st.integers(min_value=-(2**63), max_value=2**63)
RULES = load_rule_sets(["api-versions", "eks-to-ack", "namespaces"])
GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "good", "namespace": "shop"},
}


def release(content: bytes) -> dict[str, Any]:
    """A Helm release's Secret; its content is base64 within base64."""
    inner = base64.b64encode(content)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "sh.helm.release.v1.shop.v1", "namespace": "shop"},
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(inner).decode()},
    }


def claim(size: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "gp3",
            "resources": {"requests": {"storage": size}},
        },
    }


def config(**data: str) -> dict[str, Any]:
    return {**GOOD, "data": data}


@pytest.mark.parametrize(
    "damaged",
    [
        release(b"\x1f\x8b\x08" + bytes(7) + b"not deflated at all"),
        release(b"\x1f\x8b\x08\x00"),
        claim("NaN"),
        claim("sNaN"),
        claim("Infinity"),
        claim("10 apples"),
    ],
)
def test_a_damaged_object_is_at_most_a_blocker_of_its_own(damaged: dict[str, Any]) -> None:
    result = transform([damaged, GOOD], RULES, Parameters(namespaces={"shop": "store"}))

    assert ("good", "store") in {
        (item["metadata"]["name"], item["metadata"].get("namespace")) for item in result.objects
    }
    assert {finding.object.rpartition("/")[2] for finding in result.blockers} <= {damaged["metadata"]["name"]}


@pytest.mark.parametrize("size", ["NaN", "10 apples"])
def test_a_size_that_is_none_is_a_blocker(size: str) -> None:
    (blocker,) = transform([claim(size)], RULES, Parameters()).blockers

    assert size in blocker.message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_of_a_release_stop_a_run(content: bytes) -> None:
    result = transform(
        [release(b"\x1f\x8b\x08" + content), GOOD], RULES, Parameters(namespaces={"shop": "store"})
    )

    assert "good" in {item["metadata"]["name"] for item in result.objects}


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=12), st.floats(), WHOLE, st.none(), st.lists(WHOLE)))
def test_no_size_of_a_claim_stops_a_run(size: Any) -> None:
    result = transform([claim(size), GOOD], RULES, Parameters())

    assert "good" in {item["metadata"]["name"] for item in result.objects}


def test_an_object_that_is_there_twice_with_different_contents_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps(config(mode="fast")))
    (tmp_path / "b.yaml").write_text("---\n" + json.dumps(config(mode="slow")))

    with pytest.raises(ManifestError, match=r"ConfigMap/shop/good.*a\.yaml.*b\.yaml"):
        read_manifests(str(tmp_path))


def test_the_same_object_twice_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps(config(mode="fast")))
    (tmp_path / "b.json").write_text(json.dumps(config(mode="fast")))

    assert read_manifests(str(tmp_path)) == [config(mode="fast")]


def test_objects_of_one_name_with_different_contents_are_a_blocker() -> None:
    result = transform([config(mode="fast"), config(mode="slow")], RULES, Parameters())

    (blocker,) = result.blockers
    assert "2 times, with different contents" in blocker.message
