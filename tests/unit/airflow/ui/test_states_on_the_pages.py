"""A plan's page says what the newest look found, what it leaves out, and what isn't known."""

from __future__ import annotations

import pytest

from migration_ops.ui.plan_detail import VOLUMES_ON_A_PAGE, PlanDetail
from migration_ops.ui.plan_now import as_the_target_says
from migration_ops.ui.plan_state import PlanLine, PointLine
from migration_ops.ui.volumes_now import VolumeRow

from .conftest import (
    NOON,
    PLAN,
    FakeAirflow,
)


def test_not_looked_yet_is_told_from_nothing_found(empty, plan_of):
    detail, text = plan_of()
    assert detail["looked"] is None
    assert "Nobody has looked yet" in text
    empty.look("looked", "connect-1")
    detail, text = plan_of()
    assert detail["looked"]["counts"] == {}
    assert "It found nothing that stands against a cutover" in text


def test_a_plan_without_a_target_is_not_told_to_be_looked_at(plans, plan_of):
    import yaml

    protection = {name: value for name, value in PLAN.items() if name != "target"}
    (plans / "shop.yaml").write_text(yaml.safe_dump(protection))
    assert "which this plan doesn't have" in plan_of()[1]


def test_blockers_of_connect_are_on_the_page_before_there_is_a_restore_point(empty, plan_of):
    empty.look("looked", "connect-1", "blocker", "decision", "decision")
    detail, text = plan_of()
    assert detail["findings_by_severity"] == {"blocker": 1, "decision": 2}
    assert detail["looked"]["what"] == "readiness"
    assert 'runs/connect-1">connect-1</a>' in text


def test_the_newest_look_counts_whichever_it_was(empty, plan_of):
    first = empty.point(0)
    empty.adapt(first, "stage-1", "warning")
    empty.look("prepared", "cutover-1", "decision")
    detail, _ = plan_of()
    assert detail["findings_by_severity"] == {"decision": 1}
    assert detail["findings"][0]["text"] == "ready (secret)"
    empty.look("looked", "cutover-2", "blocker")
    assert plan_of()[0]["findings_by_severity"] == {"blocker": 1}
    empty.adapt(empty.point(1), "stage-2", "info")
    detail, text = plan_of()
    assert (detail["looked"]["what"], detail["looked"]["run"]) == ("rules", "stage-2")
    assert detail["findings_by_severity"] == {"info": 1}
    assert detail["looked_before"]["counts"] == {"blocker": 1}
    assert "An older look at readiness of both clusters" in text


def test_what_a_cutover_adapted_after_its_own_readiness_hides_nothing_of_it(empty, plan_of):
    empty.look("prepared", "cutover-1", "decision")
    empty.adapt(empty.point(0), "cutover-1", "info")
    assert plan_of()[0]["findings_by_severity"] == {"decision": 1}


def test_a_new_restore_point_that_nobody_adapted_hides_no_findings(empty, plan_of):
    first = empty.point(0)
    empty.adapt(first, "stage-1", "decision")
    empty.point(1)
    detail, text = plan_of()
    assert (detail["looked"]["point"], detail["findings_by_severity"]) == (first, {"decision": 1})
    assert f'points/{first}">' in text


def test_an_airflow_that_did_not_answer_leaves_questions_and_runs_not_known(pages):
    airflow = FakeAirflow()
    shown = pages(airflow=airflow)
    assert shown.settled("/").text.count(">nothing<") == 2
    airflow.answers.clear()
    text = shown.settled("/").text
    assert ">nothing<" not in text
    assert text.count('<span class="faint">not known</span>') == 2
    assert shown.settled("/api/plans").json()["plans"][0]["airflow_read"] is False


def test_volumes_are_shown_a_page_at_a_time_and_found_by_name(empty, plan_of):
    empty.point(0, volumes=VOLUMES_ON_A_PAGE + 3)
    detail, text = plan_of()
    assert (len(detail["volumes"]), detail["volume_pages"]["total"]) == (100, 103)
    assert "100 of 103 volumes" in text
    assert 'role="search"' in text
    assert len(plan_of(query="?page=2")[0]["volumes"]) == 3
    found, _ = plan_of(query="?q=DATA-102")
    assert [one["claim"] for one in found["volumes"]] == ["data-102"]
    assert "No volume has these words" in plan_of(query="?q=nothing-like-it")[1]


def test_lists_that_are_cut_say_how_much_is_left_out(empty, plan_of):
    empty.look("looked", "connect-1", *["info"] * 230)
    for number in range(14):
        empty.journal.write(f"run-{number}", "connected")
    detail, text = plan_of()
    assert (len(detail["findings"]), detail["findings_more"]) == (200, 30)
    assert (len(detail["runs"]), detail["runs_more"]) == (10, 5)
    assert "and 30 more" in text
    assert "All runs</a>, 5 more" in text


def rows(*staged: str) -> list[VolumeRow]:
    return [
        VolumeRow(namespace="shop", claim=f"data-{number}", bytes=1, staged=one)  # type: ignore[arg-type]
        for number, one in enumerate(staged)
    ]


@pytest.mark.parametrize(
    ("held", "staged", "point"),
    [
        (["newest", "newest"], True, "p2"),
        (["nothing", "nothing"], False, None),
        (["newest", "older"], False, "p1"),
        ([], False, "p1"),
    ],
)
def test_a_target_that_was_asked_knows_better_than_the_journal(held, staged, point):
    last = PointLine(
        id="p2",
        kind="full",
        began=NOON,
        committed=NOON,
        volumes=2,
        files=1,
        bytes=1,
        added_bytes=1,
        seconds=1,
    )
    line = PlanLine(name="shop", source="s", vault="v", last=last, staged=False, staged_point="p1")
    found = as_the_target_says(line, rows(*held))
    assert (found.staged, found.staged_point) == (staged, point)


def test_thousands_of_volumes_are_cut_to_a_page():
    line = PlanLine(name="shop", source="s", vault="v")
    many = rows(*["newest"] * 5000)
    detail = PlanDetail(plan=line).with_volumes(many, "", 50)
    assert [one.claim for one in detail.volumes][-1] == "data-4999"
    assert detail.volume_pages.pages == 50
