"""A question names where source and target stand, from nothing but the journal."""

from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.migration.events import Event
from migration_ops.migration.recovery import (
    LEAVE,
    RETRY,
    ROLL_BACK,
    question,
    serves_since,
    source_state,
    target_state,
)
from migration_ops.migration.stopping import ChosenRun

NOW = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


def events(*names):
    return [Event(plan="shop", run="r", name=name, began=NOW, ended=NOW) for name in names]


STOPPED = ("quiesce-begun", "quiesced")
RESTORED = (*STOPPED, "final-delta", "adapted", "restored")
TAKEN_BACK = (*RESTORED, "applied", "failed", "rolled-back", "resumed")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "runs: nothing was stopped"),
        (("prepared",), "runs: nothing was stopped"),
        (("quiesce-begun",), "being stopped"),
        (STOPPED, "stopped"),
        ((*STOPPED, "rolled-back", "resumed"), "runs again since 23:00:00 UTC"),
        ((*TAKEN_BACK, "hooks-begun"), "**hooks before quiesce** began"),
        ((*TAKEN_BACK, "quiesce-begun"), "being stopped"),
        ((*TAKEN_BACK, "hooks-begun", *STOPPED, "failed"), "**stopped** since"),
        ((*TAKEN_BACK, *STOPPED, "resumed"), "runs again since"),
    ],
)
def test_the_source(names, said):
    assert said in source_state(events(*names))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (STOPPED, "claims are staged; no workload runs"),
        ((*STOPPED, "final-delta"), "no workload runs"),
        (RESTORED, "resources are being applied"),
        ((*RESTORED, "applied"), "the application may be running"),
        ((*RESTORED, "applied", "ready", "failed"), "unverified, its names held back. A rollback loses"),
        ((*RESTORED, "applied", "verified"), "runs and is verified; its names are held back"),
        ((*RESTORED, "applied", "rolled-back"), "nothing of this run is left"),
        ((*TAKEN_BACK, *STOPPED), "claims are staged; no workload runs"),
        ((*TAKEN_BACK, "hooks-begun", *STOPPED, "final-delta"), "the delta staged before the stop"),
        ((*RESTORED, "applied", "resumed", *STOPPED), "the application may be running"),
        ((*TAKEN_BACK, *STOPPED, "rolled-back"), "nothing of this run is left"),
        ((*RESTORED, "applied", "verified", "undoing", "failed"), "**being emptied** since 23:00:00 UTC"),
        ((*RESTORED, "applied", "undoing", "rolled-back"), "nothing of this run is left"),
        ((*RESTORED, "applied", "undoing", "applied"), "the application may be running"),
    ],
)
def test_the_target(names, said):
    assert said in target_state(events(*names))


@pytest.mark.parametrize(
    ("names", "serves"),
    [
        ((*RESTORED, "applied"), False),
        ((*RESTORED, "applied", "ready", "failed"), True),
        ((*RESTORED, "applied", "ready", "verified", "finished"), True),
        ((*RESTORED, "applied", "ready", "undoing"), False),
        ((*RESTORED, "applied", "ready", "rolled-back", "resumed"), False),
    ],
)
def test_a_rollback_is_asked_about_with_what_it_loses(names, serves):
    since = serves_since(events(*names))
    assert (since == NOW) is serves
    text = ChosenRun("shop", "r", list(names), since).markdown()
    assert ("served in the target since 2026-11-22 23:00:00 UTC" in text) is serves


def test_each_answer_is_explained_and_long_reasons_are_cut():
    text = question(
        "shop",
        "resources",
        reason="no\n" * 5000,
        tries=5,
        events=events(*STOPPED),
        answers=(RETRY, ROLL_BACK, LEAVE),
        timeout=timedelta(hours=4),
    )
    assert "failed 5 times" in text
    assert all(f"**{answer}**" in text for answer in (RETRY, ROLL_BACK, LEAVE))
    assert "`shop.rollback`" in text
    assert "Without an answer in 4:00:00" in text
    assert len(text) < 12_000
