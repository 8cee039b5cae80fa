"""Where a plan stands, from what its runs wrote into the journal."""

from __future__ import annotations

import pytest

from migration_ops.ui.standing import Standing, standing

from .slips import FINAL, POINT, journal, plan, run, slip

CUTOVER = ["prepared", "staged", "quiesce-begun", "quiesced", "restored", "applied", "verified"]


def stands(*parts) -> Standing:
    return standing(plan(*parts))


def test_a_staged_point_is_the_one_that_a_staging_brought_to_its_end():
    assert stands(slip("resources", point=POINT), run("stage", POINT)).staged_point is None
    assert stands(slip("resources", point=POINT), run("stage", POINT, "staged")).staged_point == POINT


@pytest.mark.parametrize("begun", ["rehearsal-begun", "restore-begun"])
def test_neither_a_rehearsal_nor_a_restore_stages(begun):
    elsewhere = [begun, "staged", "applied"]
    assert stands(slip("resources", point=POINT), run("elsewhere", POINT, *elsewhere)).staged_point is None
    known = plan(
        slip("resources", point=POINT),
        run("stage", POINT, "staged"),
        run("elsewhere", POINT, *elsewhere),
    )
    assert standing(known).staged_point == POINT
    assert known.adapted[POINT].tags["run"] == "stage"


def test_a_moved_plan_stays_moved_when_its_final_point_is_rehearsed_or_restored_elsewhere():
    moved = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER)]
    assert stands(moved).moved
    assert stands(moved, run("restore", FINAL, "restore-begun", "staged", "applied")).moved


def test_after_a_rollback_nothing_is_moved_or_staged_until_a_new_staging_has_ended():
    before = [slip("resources", point=POINT), *run("stage", POINT, "staged")]
    cutover = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER, "finished")]
    back = journal("cutover", "rolled-back", "resumed")
    assert stands(before, cutover).moved
    assert stands(before, cutover, back) == Standing()
    anew = run("stage2", FINAL, "staged")
    assert stands(before, cutover, back, anew) == Standing(FINAL)


def test_a_source_that_was_started_by_hand_has_not_moved_and_its_claims_were_given_away():
    cutover = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER)]
    assert stands(cutover).moved
    assert stands(cutover, journal("cutover", "resumed")) == Standing()


def test_a_source_that_was_started_and_stopped_once_more_counts_from_the_newest_stop():
    first = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER), *journal("cutover", "resumed")]
    assert not stands(first, journal("cutover", "quiesce-begun")).moved
    assert stands(first, journal("cutover", "quiesce-begun", "ready")).moved


def test_a_finished_plan_stays_finished_though_the_source_is_started_by_hand_but_not_after_a_rollback():
    cutover = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER, "finished")]
    known = stands(cutover)
    assert known.finished is not None
    assert (known.finished[0], known.moved, known.staged_point) == ("cutover", True, FINAL)
    assert stands(cutover, journal("cutover", "resumed")).finished is not None
    assert stands(cutover, slip("resources", point=POINT)).staged_point == FINAL
    kept = [*journal("cutover", "resumed"), *journal("rollback", "taken-back")]
    assert stands(cutover, kept) == Standing()
    assert stands(cutover, journal("cutover", "rolled-back")).finished is None


@pytest.mark.parametrize("far", [2, 3, 4, 5, 6])
def test_the_application_has_moved_only_when_its_workloads_are_ready_in_the_target(far):
    steps = ["staged", "quiesce-begun", "quiesced", "restored", "applied", "ready", "verified"]
    begun = [slip("resources", point=FINAL), *run("cutover", FINAL, *steps[:far])]
    known = stands(begun)
    assert known.moved == (far > 5)
    assert (known.stop is None) == known.moved
    if known.stop:
        assert (known.stop.run, known.stop.applied, known.stop.emptied) == ("cutover", far > 4, None)


def test_a_backup_of_the_stopped_source_changes_nothing_of_where_the_application_runs():
    cutover = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER)]
    backup = slip("resources", point="20261122T140000Z-incremental-cccccccc")
    assert stands(cutover, backup) == Standing(FINAL, moved=True)


def test_a_rollback_that_emptied_the_target_has_left_the_application_nowhere_until_the_source_is_started():
    cutover = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER)]
    (emptied,) = journal("cutover", "rolled-back")
    stop = stands(cutover, emptied).stop
    assert stop is not None
    assert (stop.since, stop.emptied) == (emptied.time, emptied.time)
    for run_of, event in (("cutover", "resumed"), ("another", "resumed"), ("rollback", "taken-back")):
        assert stands(cutover, emptied, journal(run_of, event)) == Standing()


def test_a_stop_that_was_tried_twice_counts_from_the_first_try():
    first = journal("cutover", "quiesce-begun")
    stop = stands(slip("resources", point=POINT), first, journal("cutover", "failed", "quiesce-begun")).stop
    assert stop is not None
    assert stop.since == first[0].time


def test_a_cutovers_fresh_increment_is_staged_and_its_final_point_is_not_by_the_same_word():
    fresh = [slip("resources", point=POINT), *run("cutover", POINT, "prepared", "staged", "quiesce-begun")]
    final = [slip("resources", point=FINAL), slip("adapted", run="cutover", point=FINAL)]
    assert stands(fresh, final).staged_point == POINT


def test_a_plan_without_restore_points_stands_nowhere():
    assert stands(journal("connect", "connected")) == Standing()


def test_a_target_that_began_to_be_emptied_serves_no_more_though_the_rollback_has_not_come_to_its_end():
    cutover = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER, "finished")]
    begun, again = journal("cutover", "undoing", "failed", "undoing")[::2]
    known = stands(cutover, begun, again)
    assert known.stop is not None
    assert (known.moved, known.finished, known.staged_point) == (False, None, None)
    assert (known.stop.since, known.stop.emptying, known.stop.emptied) == (begun.time, begun.time, None)
    through = stands(cutover, begun, again, journal("cutover", "rolled-back")).stop
    assert through is not None
    assert (through.since, through.emptying) == (begun.time, None)
    assert stands(cutover, begun, journal("cutover", "resumed")) == Standing()


def test_a_cutover_that_went_on_after_a_begun_rollback_has_moved_all_the_same():
    begun = [slip("resources", point=FINAL), *run("cutover", FINAL, *CUTOVER, "undoing")]
    assert not stands(begun).moved
    assert stands(begun, journal("cutover", "applied", "ready")).moved
