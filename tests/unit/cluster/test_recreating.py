"""What is deleted to be made anew is never lost: not when applying, not when undoing."""

from __future__ import annotations

import os
from typing import Any

import pytest

from migration_ops.cluster import Cluster, ObjectResult
from migration_ops.cluster.apply_one import ApplySettings, apply_one
from migration_ops.cluster.applying import apply
from migration_ops.cluster.existing import Decision, Policy
from migration_ops.cluster.rollback import roll_back

from .conftest import Asked, FakeServer, Reply, status
from .targets import NAME, SERVED, FakeTarget, config_map, notes

REFUSED = status(422, "quota of the webhook: no", "Invalid")


def applied(cluster: Cluster, decision: Decision = "recreate") -> ObjectResult:
    """What becomes of ConfigMap x in run r of plan p."""
    settings = ApplySettings("p", "r", patience_seconds=0)
    return apply_one(
        cluster,
        SERVED,
        config_map("ours"),
        decision=decision,
        why="",
        found={},
        settings=settings,
        deadline=0,
        notes=notes(cluster, "r"),
    )


@pytest.fixture
def target(server: FakeServer) -> FakeTarget:
    """A target where somebody else has ConfigMap x."""
    target = FakeTarget(server)
    target.put(config_map("theirs", labels={"owner": "them"}), manager="kubectl")
    return target


def refuse(*, dry_run: bool, method: str, value: str) -> Any:
    """Refuse one kind of request for one content."""

    def judge(asked: Asked) -> Reply | None:
        wanted = asked.method == method and ("dryRun" in asked.query) is dry_run
        return REFUSED if wanted and asked.body["data"].get("a") == value else None

    return judge


def test_nothing_is_deleted_for_what_the_target_refuses(
    server: FakeServer, cluster: Cluster, target: FakeTarget
) -> None:
    target.refuse = refuse(dry_run=True, method="PATCH", value="ours")

    result = applied(cluster)

    assert (result.action, target.there[NAME]["data"]) == ("failed", {"a": "theirs"})
    assert "DELETE" not in {one.method for one in server.asked}


def test_a_refusal_that_only_the_old_object_explains_does_not_count(
    cluster: Cluster, target: FakeTarget
) -> None:
    taken = status(422, "provided port is already allocated", "Invalid")
    target.refuse = lambda asked: taken if "dryRun" in asked.query else None
    assert applied(cluster).action == "updated"
    assert target.there[NAME]["data"] == {"a": "ours"}


def test_what_was_deleted_is_put_back_when_the_new_one_is_refused_all_the_same(
    cluster: Cluster, target: FakeTarget
) -> None:
    target.refuse = refuse(dry_run=False, method="PATCH", value="ours")

    result = applied(cluster)

    assert result.action == "failed"
    assert result.message.endswith("what was there is put back")
    assert result.former is not None
    there = target.there[NAME]
    assert (there["data"], there["metadata"]["labels"]) == ({"a": "theirs"}, {"owner": "them"})


@pytest.mark.parametrize("decision", ["update", "recreate"])
def test_what_is_too_large_to_be_put_back_is_left(
    cluster: Cluster, target: FakeTarget, decision: Decision
) -> None:
    large = os.urandom(200_000).hex()
    target.put(config_map(large), manager="kubectl")

    result = applied(cluster, decision)

    assert result.action == "failed"
    assert "too large to be remembered" in result.message
    assert target.there[NAME]["data"] == {"a": large}


@pytest.mark.parametrize("policy", ["update", "recreate"])
def test_a_dry_run_foresees_what_is_too_large_to_be_put_back(
    server: FakeServer, cluster: Cluster, target: FakeTarget, policy: Policy
) -> None:
    target.put(config_map(os.urandom(200_000).hex()), manager="kubectl")

    (result,) = apply(cluster, [config_map("ours")], plan="p", run="r", existing=policy, dry_run=True)

    assert (result.action, "too large to be remembered" in result.message) == ("failed", True)
    assert {one.method for one in server.asked if "dryRun" not in one.query} == {"GET"}


def test_a_dry_run_of_what_can_be_put_back_changes_nothing(
    server: FakeServer, cluster: Cluster, target: FakeTarget
) -> None:
    (result,) = apply(cluster, [config_map("ours")], plan="p", run="r", existing="recreate", dry_run=True)

    assert result.action == "updated"
    assert target.there[NAME]["data"] == {"a": "theirs"}
    assert {one.method for one in server.asked if "dryRun" not in one.query} == {"GET"}


def test_a_rollback_deletes_nothing_while_the_former_object_would_be_refused(
    cluster: Cluster, target: FakeTarget
) -> None:
    applied(cluster)
    target.refuse = refuse(dry_run=True, method="POST", value="theirs")

    first = roll_back(cluster, plan="p", run="r", timeout=0)

    assert (first.deleted, len(first.problems), target.there[NAME]["data"]) == ((), 1, {"a": "ours"})
    target.refuse = lambda _: None
    assert roll_back(cluster, plan="p", run="r", timeout=0).restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "theirs"}


def test_a_rollback_may_be_repeated_when_the_former_object_was_refused_at_last(
    cluster: Cluster, target: FakeTarget
) -> None:
    applied(cluster)
    target.refuse = refuse(dry_run=False, method="POST", value="theirs")

    first = roll_back(cluster, plan="p", run="r", timeout=0)

    assert "roll back once more" in first.problems[0]
    target.refuse = lambda _: None
    assert roll_back(cluster, plan="p", run="r", timeout=0).restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "theirs"}
