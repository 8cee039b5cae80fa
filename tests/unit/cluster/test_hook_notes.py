"""What a hook changed for the stop comes to the target, and back to the source, as it was before."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from migration_ops.cluster.hook_notes import HOOKED, noted_patch, noted_undo, undo_patch
from migration_ops.cluster.suspension import as_before, merge

DATABASE: dict[str, Any] = {
    "apiVersion": "db.example.com/v1",
    "kind": "Pg",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"instances": 3, "backup": {"schedule": "daily"}, "users": ["a"]},
}


def hooked(manifest: dict[str, Any], *patches: dict[str, Any], plan: str = "p") -> dict[str, Any]:
    """The object after hooks."""
    after = copy.deepcopy(manifest)
    for patch in patches:
        merge(after, noted_patch(after, patch, plan))
    return after


@pytest.mark.parametrize(
    "patches",
    [
        [{"spec": {"instances": 0}}],
        [{"spec": {"paused": True}}],
        [{"spec": {"backup": None}}],
        [{"spec": {"backup": {"schedule": "never", "kept": 1}}}],
        [{"spec": {"users": []}}],
        [{"spec": {"backup": "none"}}],
        [{"metadata": {"annotations": {"paused": "true"}, "labels": {"a": "b"}}}],
        [{"spec": {"instances": 1}}, {"spec": {"instances": 0, "paused": True}}],
        [{"spec": {"instances": 0}}, {"spec": {"instances": 0}}],
    ],
)
def test_it_is_as_before_however_often_hooks_changed_it(patches: list[dict[str, Any]]) -> None:
    after = hooked(DATABASE, *patches)
    assert HOOKED in after["metadata"]["annotations"]
    assert as_before(after) == DATABASE
    undo = noted_undo(after, "p")
    assert undo is not None
    merge(after, undo_patch(undo))
    for field in ("labels", "annotations"):
        assert not after["metadata"].pop(field, None)
    assert after == DATABASE


def test_the_hook_does_what_it_says() -> None:
    assert hooked(DATABASE, {"spec": {"instances": 0}})["spec"] == DATABASE["spec"] | {"instances": 0}


def test_notes_of_other_plans_and_broken_ones_are_nobodys() -> None:
    after = hooked(DATABASE, {"spec": {"instances": 0}}, plan="q")
    assert noted_undo(after, "p") is None
    assert noted_undo(after) == {"spec": {"instances": 3}}
    for text in ("no json", "[]", '{"undo": 3}'):
        broken = copy.deepcopy(DATABASE)
        broken["metadata"]["annotations"] = {HOOKED: text}
        assert noted_undo(broken) is None
        assert as_before(broken) is broken
