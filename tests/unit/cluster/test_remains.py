"""What keeps a namespace from being deleted is what somebody made there, not what the cluster did."""

from types import SimpleNamespace
from typing import Any

import pytest

from migration_ops.cluster import remains
from migration_ops.cluster.reference import ObjectReference

SPACE = ObjectReference.parse("v1/Namespace//shop")


def secret(name: str, account: str = "") -> dict[str, Any]:
    annotations = {"kubernetes.io/service-account.name": account} if account else {}
    metadata = {"name": name, "namespace": "shop", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}


def left(monkeypatch: pytest.MonkeyPatch, *manifests: dict[str, Any]) -> list[str]:
    kind = SimpleNamespace(namespaced=True, verbs=("list",), group="", kind="Secret", api_version="v1")
    monkeypatch.setattr(remains, "reading_versions", lambda _served: [kind])
    monkeypatch.setattr(remains, "matches_kind", lambda _kinds, _one: False)
    monkeypatch.setattr(remains, "in_a_version_that_answers", lambda *_: (list(manifests), None, None))
    cluster: Any = SimpleNamespace(each=lambda work, items: [work(one) for one in items])
    return remains.foreign_content(cluster, None, SPACE)  # type: ignore[arg-type]


def test_a_token_goes_with_its_account_which_was_deleted_a_moment_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = [secret("web-token-f6h99", "web"), secret("default-token-x2x4z", "default")]
    assert left(monkeypatch, *tokens) == []


def test_a_token_that_somebody_made_and_other_secrets_are_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    found = left(monkeypatch, secret("for-the-ci", "web"), secret("web-token-f6h99"))
    assert found == ["v1/Secret/shop/for-the-ci", "v1/Secret/shop/web-token-f6h99"]
