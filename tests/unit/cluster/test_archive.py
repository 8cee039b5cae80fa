"""A capture on disk: canonical, complete, and refused when somebody has changed it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from migration_ops.cluster import (
    Capture,
    CapturedObject,
    CaptureFormatError,
    Claim,
    LeftOut,
    read_capture,
    write_capture,
)


def made(kind: str, api_version: str, namespace: str, name: str, **content: Any) -> dict[str, Any]:
    """A manifest; an empty namespace is none."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


ROLE = "rbac.authorization.k8s.io/v1"
CAPTURE = Capture(
    objects=[
        CapturedObject(made("ConfigMap", "v1", "shop", "settings", data={"b": "2", "a": "1"}), "chosen"),
        CapturedObject(
            made("Widget", "example.com/v2", "shop", "w", spec={"size": 2}),
            "chosen",
            (
                made("Widget", "example.com/v1", "shop", "w", spec={"small": True}),
                made("Widget", "example.com/v1beta1", "shop", "w", spec={}),
            ),
        ),
        CapturedObject(made("ClusterRole", ROLE, "", "team:reader/..", rules=[]), "role of somebody"),
    ],
    claims=[
        Claim(
            "shop",
            "data",
            "gp2",
            "1Gi",
            ("ReadWriteOnce",),
            "Filesystem",
            "pv-1",
            ("v1/Pod/shop/db-0",),
            "n1",
        )
    ],
    left_out=[LeftOut("v1/Secret/shop/token", "a token")],
    unreadable=[LeftOut("metrics.k8s.io/v1beta1", "no backend")],
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    write_capture(CAPTURE, tmp_path)
    assert read_capture(tmp_path) == CAPTURE


def test_paths_are_those_of_the_contract_and_never_leave_the_folder(tmp_path: Path) -> None:
    write_capture(CAPTURE, tmp_path)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert files == [
        "capture.json",
        "resources/core/ConfigMap/shop/settings.json",
        "resources/example.com/Widget/shop/w.json",
        "resources/rbac.authorization.k8s.io/ClusterRole/_cluster/team%3Areader%2F...json",
        "versions/v1/example.com/Widget/shop/w.json",
        "versions/v1beta1/example.com/Widget/shop/w.json",
    ]


def test_equal_objects_make_equal_files_with_equal_times(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_capture(CAPTURE, one)
    shuffled = json.loads(json.dumps(CAPTURE.objects[0].manifest))
    shuffled["data"] = {"a": "1", "b": "2"}
    objects = [CapturedObject(shuffled, "chosen"), *CAPTURE.objects[1:]]
    other = dataclasses.replace(CAPTURE, objects=objects)
    write_capture(other, two)
    for path in sorted(one.rglob("*")):
        twin = two / path.relative_to(one)
        assert twin.stat().st_mtime_ns == path.stat().st_mtime_ns
        if path.is_file():
            assert twin.read_bytes() == path.read_bytes()


def test_a_target_gets_the_version_that_it_serves() -> None:
    def versions(*apis: str) -> str:
        return str(CAPTURE.objects[1].for_target(set(apis))["apiVersion"])

    assert versions("example.com/v1/Widget", "example.com/v1beta1/Widget") == "example.com/v1"
    assert versions("example.com/v1beta1/Widget") == "example.com/v1beta1"
    assert versions("example.com/v3/Widget") == "example.com/v2", "none fits: the captured one is converted"
    assert CAPTURE.manifests()[1]["apiVersion"] == "example.com/v2"


def test_kinds_are_counted() -> None:
    assert CAPTURE.counts_by_kind == {f"{ROLE}/ClusterRole": 1, "example.com/v2/Widget": 1, "v1/ConfigMap": 1}


def test_a_folder_that_is_no_capture_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureFormatError, match="is this a captured folder"):
        read_capture(tmp_path)


def test_a_file_that_does_not_belong_there_is_refused(tmp_path: Path) -> None:
    write_capture(CAPTURE, tmp_path)
    path = tmp_path / "resources/core/ConfigMap/shop/settings.json"
    path.rename(path.with_name("other.json"))
    with pytest.raises(CaptureFormatError, match=r"other.json: holds v1/ConfigMap/shop/settings"):
        read_capture(tmp_path)


@pytest.mark.parametrize(("text", "because"), [("{", "no JSON"), ("[]", "not a JSON object")])
def test_a_broken_file_is_named(tmp_path: Path, text: str, because: str) -> None:
    write_capture(CAPTURE, tmp_path)
    path = tmp_path / "resources/core/ConfigMap/shop/settings.json"
    path.write_text(text)
    with pytest.raises(CaptureFormatError, match=f"settings.json: {because}"):
        read_capture(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write_capture(CAPTURE, tmp_path)
    (tmp_path / "capture.json").write_text('{"format": 99}')
    with pytest.raises(CaptureFormatError, match="format 99"):
        read_capture(tmp_path)
