"""Several runs of one plan in one target: each can be undone, and none forgets who made an object."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from migration_ops.cluster import Cluster, ObjectReference, ObjectResult
from migration_ops.cluster.apply_one import ApplySettings, apply_one
from migration_ops.cluster.applying import apply
from migration_ops.cluster.existing import decide
from migration_ops.cluster.rollback import roll_back

from .conftest import FakeServer
from .targets import CONFIG_MAPS, NAME, SERVED, FakeTarget, config_map, notes

PLAN, RUN = "migration-ops.io/plan", "migration-ops.io/run"


def run(cluster: Cluster, target: FakeTarget, name: str, value: str, policy: Any = "skip") -> ObjectResult:
    """Apply one ConfigMap as a run of plan p."""
    reference = ObjectReference.of(config_map(value))
    found = copy.deepcopy(target.there[NAME]["metadata"]) if NAME in target.there else None
    decision, why = decide(reference, found, policy, "p", name)
    return apply_one(
        cluster,
        SERVED,
        config_map(value),
        decision=decision,
        why=why,
        found=found,
        settings=ApplySettings("p", name, patience_seconds=0),
        deadline=0,
        notes=notes(cluster, name),
    )


def test_a_later_run_leaves_on_an_object_who_made_it(server: FakeServer, cluster: Cluster) -> None:
    target = FakeTarget(server)
    actions = [
        run(cluster, target, *one).action for one in (("r1", "1"), ("r2", "2"), ("r2", "3"), ("r3", "4"))
    ]

    assert actions == ["created", "updated", "updated", "updated"]
    labels = target.there[NAME]["metadata"]["labels"]
    assert (labels[PLAN], labels[RUN], labels["migration-ops.io/updated-by-run"]) == ("p", "r1", "r3")


def test_runs_are_undone_one_after_the_other(server: FakeServer, cluster: Cluster) -> None:
    target = FakeTarget(server)
    for name, value in (("r1", "1"), ("r2", "2"), ("r3", "3")):
        run(cluster, target, name, value)

    assert roll_back(cluster, plan="p", run="r3").restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "2"}
    assert roll_back(cluster, plan="p", run="r2").restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "1"}
    assert roll_back(cluster, plan="p", run="r1").deleted == (NAME,)
    assert target.there == {}


def test_undoing_the_run_that_made_an_object_does_not_bring_its_own_state_back(
    server: FakeServer, cluster: Cluster
) -> None:
    target = FakeTarget(server)
    run(cluster, target, "r1", "1")
    run(cluster, target, "r2", "2")

    undone = roll_back(cluster, plan="p", run="r1")

    assert (undone.deleted, undone.restored, target.there) == ((NAME,), (), {})


def test_what_a_first_run_recreated_comes_back_though_a_second_one_updated_it(
    server: FakeServer, cluster: Cluster
) -> None:
    target = FakeTarget(server)
    target.put(config_map("theirs"))
    run(cluster, target, "r1", "1", "recreate")
    run(cluster, target, "r2", "2", "recreate")

    undone = roll_back(cluster, plan="p", run="r1")

    assert undone.restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "theirs"}
    assert CONFIG_MAPS in {one.path for one in server.asked if one.method == "POST"}


def test_copies_that_others_made_of_our_objects_are_left(server: FakeServer, cluster: Cluster) -> None:
    target = FakeTarget(server)
    run(cluster, target, "r1", "1")
    labels = target.there[NAME]["metadata"]["labels"]
    copied = target.put(config_map("copy", name="copy", labels=dict(labels)), manager="kubectl")
    cleared = target.put(config_map("ours", name="cleared", labels=dict(labels)))
    del cleared["metadata"]["managedFields"]

    undone = roll_back(cluster, plan="p", run="r1")

    assert undone.copies == ("v1/ConfigMap/shop/copy",)
    assert set(undone.deleted) == {NAME, "v1/ConfigMap/shop/cleared"}
    assert target.there == {"v1/ConfigMap/shop/copy": copied}


def copied(server: FakeServer) -> FakeTarget:
    """A target where somebody wrote a ConfigMap of his own by a copy of one of run r1."""
    target = FakeTarget(server)
    target.put(config_map("theirs", labels={PLAN: "p", RUN: "r1"}), manager="kubectl")
    return target


@pytest.mark.parametrize("name", ["r1", "r2"])
@pytest.mark.parametrize(("policy", "action"), [("skip", "skipped"), ("fail", "failed")])
def test_a_copy_is_not_taken_for_ours_by_its_labels(
    server: FakeServer, cluster: Cluster, name: str, policy: Any, action: str
) -> None:
    target = copied(server)

    (result,) = apply(cluster, [config_map("ours")], plan="p", run=name, existing=policy)

    assert result.action == action
    assert "somebody copied" in result.message
    assert target.there[NAME]["data"] == {"a": "theirs"}


def test_a_copy_that_is_updated_by_the_policy_comes_back(server: FakeServer, cluster: Cluster) -> None:
    target = copied(server)

    (result,) = apply(cluster, [config_map("ours")], plan="p", run="r2", existing="update")
    assert (result.action, target.there[NAME]["data"]) == ("updated", {"a": "ours"})

    assert roll_back(cluster, plan="p", run="r2").restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "theirs"}


def test_an_object_whose_writers_nobody_knows_is_believed_by_its_labels(
    server: FakeServer, cluster: Cluster
) -> None:
    target = copied(server)
    del target.there[NAME]["metadata"]["managedFields"]

    (result,) = apply(cluster, [config_map("ours")], plan="p", run="r1", existing="fail")

    assert (result.action, target.there[NAME]["data"]) == ("updated", {"a": "ours"})


def test_what_follows_one_of_our_objects_is_undone_with_it(server: FakeServer, cluster: Cluster) -> None:
    target = FakeTarget(server)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
    labels = {PLAN: "p", RUN: "r1"}
    target.put(config_map("shim", name="shim", labels=labels, ownerReferences=[owner]), manager="shim")
    mover = labels | {"migration-ops.io/mover": "true"}
    target.put(config_map("mover", name="mover", labels=mover), manager="python-client")

    assert roll_back(cluster, plan="p", run="r1").copies == ()
    assert target.there == {}


def test_a_run_that_is_undone_before_a_later_one_keeps_the_object_and_says_why(
    server: FakeServer, cluster: Cluster
) -> None:
    target = FakeTarget(server)
    target.put(config_map("theirs"), manager="kubectl")
    run(cluster, target, "r1", "1", "update")
    run(cluster, target, "r2", "2", "update")

    early = roll_back(cluster, plan="p", run="r1")

    assert (early.restored, early.problems) == ((), ())
    assert early.kept == (
        (NAME, "was updated again by run r2 of plan p; roll that back first, then this once more"),
    )
    assert target.there[NAME]["data"] == {"a": "2"}
    assert roll_back(cluster, plan="p", run="r2").restored == (NAME,)
    assert roll_back(cluster, plan="p", run="r1").restored == (NAME,)
    assert target.there[NAME]["data"] == {"a": "theirs"}


def test_an_update_that_changes_nothing_leaves_no_mark(server: FakeServer, cluster: Cluster) -> None:
    target = FakeTarget(server)
    before = copy.deepcopy(target.put(config_map("same"), manager="kubectl"))

    assert run(cluster, target, "r1", "same", "update").action == "unchanged"
    assert target.there[NAME] == before
