"""Helm releases whose stored manifest holds what the target doesn't serve."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from migration_ops.transform import Finding, Parameters, load_rule_sets, transform

OLD = "---\n# web.yaml\napiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: web}\n"
NEW = OLD.replace("v1beta1", "v1")


def release(manifest: str, status: str = "deployed") -> dict[str, Any]:
    packed = gzip.compress(json.dumps({"name": "web", "namespace": "shop", "manifest": manifest}).encode())
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "shop", "labels": {"status": status}},
        "data": {"release": base64.b64encode(base64.b64encode(packed)).decode()},
    }


def told(manifest: dict[str, Any], version: str = "1.32", **more: Any) -> tuple[Finding, ...]:
    parameters = Parameters(target_version=version, **more)
    return tuple(transform([manifest], load_rule_sets(["api-versions"]), parameters).findings)


def test_a_release_with_removed_versions_asks_for_mapkubeapis() -> None:
    (finding,) = told(release(NEW + OLD))

    assert finding.severity == "decision"
    assert "release web holds networking.k8s.io/v1beta1 Ingress" in finding.message
    assert "helm mapkubeapis web --namespace shop`" in finding.suggestion


def test_the_advice_follows_the_namespace_mapping() -> None:
    findings = told(release(OLD), namespaces={"shop": "shop-prod"})

    assert any("--namespace shop-prod`" in finding.suggestion for finding in findings)


@pytest.mark.parametrize(
    ("manifest", "version"),
    [(release(NEW), "1.32"), (release(OLD), "1.20"), (release(OLD, "superseded"), "1.32")],
    ids=["new versions", "an old target", "history"],
)
def test_other_releases_need_nothing(manifest: dict[str, Any], version: str) -> None:
    assert told(manifest, version) == ()
