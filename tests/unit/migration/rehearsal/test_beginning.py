"""A rehearsal of some namespaces makes scratch namespaces for these alone."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from migration_ops.migration import Plan
from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.rehearsal import beginning
from migration_ops.migration.restore_choice import Choice
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord

from .conftest import RUN

NOW = datetime(2026, 11, 22, tzinfo=UTC)
POINT = RestorePoint(
    id="p1", plan="shop", kind="full", started=NOW, finished=NOW,
    cluster=SourceCluster(name="s", identity="i", version="v1.20"),
    volumes=[VolumeRecord(namespace="blog", claim="data", snapshot_id="s")],
)  # fmt: skip
CAPTURED = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": namespace}}
    for namespace in ("shop", "blog")
] + [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "blog"}}]


@pytest.fixture
def adapted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the adaptation was asked for; vault and target are not there."""
    asked: dict[str, Any] = {}

    def adapt(_plan: Plan, _repository: Any, point: str, *_: Any, **options: Any) -> Any:
        asked.update(options, point=point)
        return SimpleNamespace(objects=[])

    outcome = SimpleNamespace(lines=list, raise_for_failures=lambda: None)
    monkeypatch.setattr(beginning, "get_restore_point", lambda *_: POINT)
    monkeypatch.setattr(beginning, "captured_objects", lambda *_: CAPTURED)
    monkeypatch.setattr(beginning, "adapt_restore_point", adapt)
    monkeypatch.setattr(beginning, "apply_part", lambda *_, **__: outcome)
    monkeypatch.setattr(beginning, "volumes_to_restore", lambda *_: [])
    return asked


def begin(plan: Plan, chosen: Choice | None) -> list[str]:
    none: Any = None
    begun = beginning.begin_rehearsal(plan, none, "", none, RUN, say=lambda _: None, chosen=chosen)
    return sorted(begun.plan.namespaces)


def test_all_of_a_point_is_rehearsed_without_a_choice(plan: Plan, adapted: dict[str, Any]) -> None:
    assert begin(plan, None) == ["blog", "shop"]
    assert adapted["chosen"] is None


def test_of_a_choice_nothing_else_is_made(plan: Plan, adapted: dict[str, Any]) -> None:
    chosen = Choice(namespaces=("shop",))
    assert begin(plan, chosen) == ["shop"]
    assert (adapted["chosen"], adapted["point"]) == (chosen, "p1")


def test_a_choice_of_nothing_says_what_there_is(plan: Plan, adapted: dict[str, Any]) -> None:
    with pytest.raises(RestorePointError, match="holds the namespaces blog, shop"):
        begin(plan, Choice(namespaces=("wiki",)))
    assert adapted == {}
