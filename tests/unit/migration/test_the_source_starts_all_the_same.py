"""Nothing that could wait keeps a quiesced source from being started again."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ProtocolError

from migration_ops.cluster import Cluster, Discovery, ResumeResult, ServerFailed
from migration_ops.cluster.hook_notes import noted_patch
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.suspension import merge
from migration_ops.migration import MigrationError, Plan, plan_hooks, stopping

WEB = "apps/v1/Deployment/shop/web"
PAUSED = {"spec": {"paused": True}}
DATABASE = {
    "api_version": "db.example.com/v1",
    "kind": "Database",
    "name": "main",
    "namespace": "shop",
    "merge": PAUSED,
}
PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "vault": {"conn_id": "b"},
        "movers": {"image": "mover:1"},
        "select": {"namespaces": {"include": ["shop"]}},
        "quiesce": {"hooks": [{"before": "quiesce", "patch": DATABASE}]},
    }
)


class Source:
    """A source whose databases are guarded by a webhook of an operator that was stopped, too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.happened: list[str] = []
        self.webhook = False
        self.comes_back = True
        self.result = ResumeResult(resumed=(WEB,))
        self.database: dict[str, Any] = {"metadata": {"name": "main"}, "spec": {}}
        merge(self.database, noted_patch(self.database, PAUSED, "shop"))
        self.cluster = create_autospec(Cluster, instance=True)
        databases = ApiResource("db.example.com", "v1", "Database", "databases", namespaced=True)
        self.cluster.cache = {"discovery": Discovery((databases,))}
        self.cluster.name = "source"
        self.cluster.get.side_effect = lambda *_, **__: self.database
        self.cluster.patch.side_effect = self.change
        monkeypatch.setattr(plan_hooks, "PATIENCE_SECONDS", 0.0)
        monkeypatch.setattr(stopping, "resume", self.start)
        monkeypatch.setattr("migration_ops.mover.submission.dismiss", lambda *_: [])

    def change(self, _path: str, patch: dict[str, Any], **_options: Any) -> None:
        if not self.webhook:
            raise ServerFailed('failed calling webhook: no endpoints for "db-operator"', status=500)
        self.happened.append("put back")
        merge(self.database, patch)

    def start(self, *_args: Any, **_options: Any) -> ResumeResult:
        self.happened.append("started")
        self.webhook = self.comes_back
        return self.result

    def resumed(self) -> ResumeResult:
        api = create_autospec(ApiClient, instance=True)
        return stopping.resume_source(PLAN, self.cluster, api, say=self.said.append)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """The source, its hook's patch still in place."""
    return Source(monkeypatch)


def test_an_object_is_put_back_before_the_start_where_nothing_is_against_it(source: Source) -> None:
    source.webhook = True
    source.resumed()
    assert source.happened == ["put back", "started"]
    assert "paused" not in source.database["spec"]


def test_what_a_stopped_webhook_refuses_is_put_back_after_the_start(source: Source) -> None:
    assert source.resumed() is source.result
    assert source.happened == ["started", "put back"]
    assert "paused" not in source.database["spec"]


def test_what_stays_refused_is_told_once_all_is_started(source: Source) -> None:
    source.comes_back = False
    with pytest.raises(MigrationError, match=r"Database main as before its hook: .*db-operator"):
        source.resumed()
    assert source.happened == ["started"]


def test_it_is_told_with_what_is_not_ready(source: Source) -> None:
    source.result = ResumeResult(resumed=(WEB,), not_ready=(f"{WEB}: 0 of 1",))
    with pytest.raises(MigrationError, match="0 of 1"):
        source.resumed()
    assert source.happened == ["started", "put back"]


@pytest.mark.parametrize(
    "refusal",
    [ApiException(status=403, reason="Forbidden"), ApiException(status=409), ProtocolError("cut off")],
    ids=["no right", "conflict", "connection"],
)
def test_movers_that_cant_be_taken_away_are_tried_once_more_after_the_start(
    source: Source, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    source.webhook = True

    def dismiss(*_: Any) -> list[str]:
        if "started" not in source.happened:
            raise refusal
        return ["shop/mover"]

    monkeypatch.setattr("migration_ops.mover.submission.dismiss", dismiss)
    assert source.resumed() is source.result
    assert "couldn't be taken away" in source.said[-2]
    assert source.said[-1] == "took away mover shop/mover"


def test_movers_that_stay_are_named_and_nothing_else(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def dismiss(*_: Any) -> list[str]:
        raise ApiException(status=403, reason="Forbidden")

    monkeypatch.setattr("migration_ops.mover.submission.dismiss", dismiss)
    assert source.resumed() is source.result
    assert [line for line in source.said if "403 Forbidden" in line] == [
        "movers that may still hold volumes couldn't be taken away: 403 Forbidden"
    ] * 2
