"""A process that is killed at any request of a recreation loses nothing, neither applying nor undoing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.cluster import Cluster
from migration_ops.cluster.applying import apply
from migration_ops.cluster.rollback import roll_back

from .conftest import FakeServer, status
from .targets import NAME, FakeTarget, config_map

THEIRS = config_map("theirs", labels={"owner": "them"}, annotations={"note": "theirs"})


class Killed(BaseException):
    """Nothing catches it, like a signal that nobody handles."""


@pytest.fixture
def target(server: FakeServer) -> FakeTarget:
    """A target where somebody else has ConfigMap x."""
    target = FakeTarget(server)
    target.put(THEIRS, manager="kubectl")
    return target


def run(cluster: Cluster, name: str = "r") -> None:
    """Recreate ConfigMap x as a run of plan p."""
    results = apply(
        cluster, [config_map("ours")], plan="p", run=name, existing="recreate", patience_seconds=0
    )
    assert [one.action for one in results if one.action == "failed"] == []


def killed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, step: Callable[[], Any], after: int) -> bool:
    """Do a step whose process dies before one of its changing requests, counted from 0; whether it died."""
    left = after

    def request(self: Cluster, method: str, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        if method != "GET" and "dryRun" not in (kwargs.get("query") or {}):
            if left == 0:
                raise Killed
            left -= 1
        return original(self, method, *args, **kwargs)

    original = Cluster.request
    with monkeypatch.context() as patched:
        patched.setattr(Cluster, "request", request)
        with contextlib.suppress(Killed):
            step()
            return False
    return True


def is_theirs(target: FakeTarget) -> bool:
    """Whether the target holds what it held at first, and no note."""
    there = target.there.get(NAME, {"metadata": {}})
    shown = {key: there["metadata"].get(key) for key in ("labels", "annotations")}
    wanted = {key: THEIRS["metadata"].get(key) for key in shown}
    return (list(target.there), there.get("data"), shown) == ([NAME], THEIRS["data"], wanted)


@pytest.mark.parametrize("request_number", range(4))
def test_a_rollback_finds_what_a_killed_run_deleted(
    cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, request_number: int
) -> None:
    assert killed(cluster, monkeypatch, lambda: run(cluster), request_number)

    undone = roll_back(cluster, plan="p", run="r", timeout=5)

    assert (undone.problems, undone.kept) == ((), ())
    assert is_theirs(target)


@pytest.mark.parametrize("request_number", range(4))
def test_the_next_try_of_a_killed_run_goes_on_and_can_be_undone(
    cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, request_number: int
) -> None:
    assert killed(cluster, monkeypatch, lambda: run(cluster), request_number)
    run(cluster)
    assert (list(target.there), target.there[NAME]["data"]) == ([NAME], {"a": "ours"})

    roll_back(cluster, plan="p", run="r", timeout=5)

    assert is_theirs(target)


@pytest.mark.parametrize("request_number", range(4))
def test_a_killed_rollback_is_finished_by_the_next_one(
    cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, request_number: int
) -> None:
    run(cluster)
    undo = lambda: roll_back(cluster, plan="p", run="r", timeout=5)  # noqa: E731 (the step that dies)
    assert killed(cluster, monkeypatch, undo, request_number)

    undone = undo()

    assert (undone.problems, undone.kept) == ((), ())
    assert is_theirs(target)


def test_the_requests_above_are_all_that_there_are(
    cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not killed(cluster, monkeypatch, lambda: run(cluster), 4)
    assert not killed(cluster, monkeypatch, lambda: roll_back(cluster, plan="p", run="r"), 4)
    assert is_theirs(target)


def test_what_somebody_made_again_meanwhile_is_left_and_the_note_named(
    cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(cluster, monkeypatch, lambda: run(cluster), 2)
    target.put(config_map("made by hand"), manager="kubectl")

    undone = roll_back(cluster, plan="p", run="r", timeout=5)

    ((name, reason),) = undone.kept
    assert (name, target.there[NAME]["data"]) == (NAME, {"a": "made by hand"})
    note = next(one for one in target.there if "/Secret/" in one)
    assert note in reason


def test_notes_of_another_run_are_left_to_it(
    cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(cluster, monkeypatch, lambda: run(cluster), 2)

    assert roll_back(cluster, plan="p", run="other", timeout=5).restored == ()
    assert roll_back(cluster, plan="p", run="r", timeout=5).restored == (NAME,)
    assert is_theirs(target)


def test_an_account_of_single_namespaces_finds_its_notes_there(
    server: FakeServer, cluster: Cluster, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = server.answers["/api/v1/secrets"]
    server.on("/api/v1/secrets", status(403, "secrets is forbidden", "Forbidden"))
    server.on("/api/v1/namespaces/default/secrets", status(403, "secrets is forbidden", "Forbidden"))
    server.on("/api/v1/namespaces/shop/secrets", everywhere)
    killed(cluster, monkeypatch, lambda: run(cluster), 2)

    run(cluster)

    assert (list(target.there), target.there[NAME]["data"]) == ([NAME], {"a": "ours"})
    server.answers["/api/v1/secrets"] = everywhere
    roll_back(cluster, plan="p", run="r", timeout=5)
    assert is_theirs(target)


def test_nothing_is_deleted_when_the_note_cannot_be_written(
    server: FakeServer, cluster: Cluster, target: FakeTarget
) -> None:
    full = status(403, "exceeded quota: secrets=5", "Forbidden")
    target.refuse = lambda asked: full if "/secrets/" in asked.path else None

    results = apply(cluster, [config_map("ours")], plan="p", run="r", existing="recreate", patience_seconds=0)

    assert "exceeded quota" in results[0].message
    assert is_theirs(target)
    assert "DELETE" not in {one.method for one in server.asked}
