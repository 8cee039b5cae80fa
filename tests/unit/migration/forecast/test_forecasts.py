"""From the vault's records to a forecast, and back from the measured run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration_ops.migration.forecast import (
    ComparedStep,
    History,
    Lanes,
    Range,
    VolumeOutlook,
    compare,
    make_forecast,
    outlook,
    read_history,
    seconds_text,
)
from migration_ops.migration.journal import Event
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MEBIBYTE = 2**20
CLUSTER = SourceCluster(name="source", identity="1", version="v1.20.2")
DB, UPLOADS = ("shop", "data-db-0"), ("shop", "uploads")


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def volume(name: tuple[str, str], size: int, added: int, seconds: float) -> VolumeRecord:
    return VolumeRecord(
        namespace=name[0], claim=name[1], snapshot_id="s", bytes=size, added_bytes=added, seconds=seconds
    )


def point(number: int, kind: str, minutes: float, volumes: list[VolumeRecord]) -> RestorePoint:
    return RestorePoint(
        id=f"p{number}",
        plan="shop",
        kind=kind,
        parent=f"p{number - 1}" if number else None,
        started=at(minutes),
        finished=at(minutes + 1),
        cluster=CLUSTER,
        volumes=volumes,
    )


def cutover(run: str, minutes: float, times: dict[str, float], **data: object) -> list[Event]:
    """Events of a run; each step lasts as many seconds as it says, one after the other."""
    now, events = at(minutes), []
    events.append(Event(plan="shop", run=run, name="quiesce-begun", began=now, ended=now))
    for name, seconds in times.items():
        after = now + timedelta(seconds=seconds)
        said = data.get(name.replace("-", "_"), {})
        events.append(Event(plan="shop", run=run, name=name, began=now, ended=after, data=said))
        now = after
    return events


TIMES = {"quiesced": 20, "final-delta": 15, "restored": 18, "applied": 6, "ready": 30, "verified": 11}


@pytest.fixture
def points() -> list[RestorePoint]:
    """A full backup and three increments, an hour apart; the database changes by 60 MiB in an hour."""
    whole = [
        volume(DB, 2000 * MEBIBYTE, 1500 * MEBIBYTE, 60),
        volume(UPLOADS, 500 * MEBIBYTE, 400 * MEBIBYTE, 15),
    ]
    change = [volume(DB, 2000 * MEBIBYTE, 60 * MEBIBYTE, 4), volume(UPLOADS, 500 * MEBIBYTE, 6 * MEBIBYTE, 2)]
    made = [point(0, "full", 0, whole)]
    return made + [point(number, "incremental", 60 * number, change) for number in (1, 2, 3)]


@pytest.fixture
def events() -> list[Event]:
    """Two earlier cutovers that were rolled back, alike."""
    restored = {
        "volumes": [
            {"namespace": "shop-prod", "claim": "data-db-0", "bytes": 60 * MEBIBYTE, "seconds": 5.0},
            {"namespace": "shop-prod", "claim": "uploads", "bytes": 6 * MEBIBYTE, "seconds": 2.0},
        ]
    }
    delta = {"point": "none", "added_bytes": 66 * MEBIBYTE, "bytes": 2500 * MEBIBYTE}
    made = []
    for number in (1, 2):
        made += cutover(f"run-{number}", 60 * number, TIMES, restored=restored, final_delta=delta)
    return made


def test_the_steps_of_a_run_add_up_to_its_downtime(events, points):
    run = read_history(events, points).runs[0]
    assert run.downtime_seconds == pytest.approx(100)
    assert sum(run.seconds.values()) == pytest.approx(run.downtime_seconds)
    assert list(run.seconds) == ["quiesce", "final delta", "restore", "apply", "ready", "verify"]


def test_the_restore_is_found_between_its_neighbours_when_nobody_noted_it(points):
    times = {name: seconds for name, seconds in TIMES.items() if name != "restored"}
    noted = cutover("run", 0, times)
    applied = next(event for event in noted if event.name == "applied")
    later = [
        event.model_copy(
            update={
                "began": event.began + timedelta(seconds=18),
                "ended": event.ended + timedelta(seconds=18),
            }
        )
        if event.ended >= applied.ended
        else event
        for event in noted
    ]
    run = read_history(later, points).runs[0]
    assert run.seconds["restore"] == pytest.approx(18)
    assert run.downtime_seconds == pytest.approx(100)


def test_a_run_that_waited_for_an_answer_teaches_nothing(points):
    asked = cutover("run", 0, TIMES)
    ready = next(event for event in asked if event.name == "ready")
    failed = ready.model_copy(update={"name": "failed", "ended": ready.ended + timedelta(seconds=1)})
    assert read_history([*asked, failed], points).runs == []
    after = failed.model_copy(update={"ended": asked[-1].ended + timedelta(hours=1)})
    assert len(read_history([*asked, after], points).runs) == 1, (
        "what failed after the downtime changed nothing of it"
    )


def test_a_rehearsal_gives_times_and_no_downtime(points):
    rehearsed = cutover("rehearsal", 0, {"restored": 20, "applied": 5, "ready": 25, "verified": 9})[1:]
    history = read_history(rehearsed, points)
    assert history.runs[0].downtime_seconds is None
    assert history.runs[0].seconds["ready"] == pytest.approx(25)


def test_the_change_of_an_hour_is_expected_again_after_an_hour(events, points):
    history = read_history(events, points)
    database = outlook(points[-1], history, points[-1].started + timedelta(hours=1), {"shop": "shop-prod"})[0]
    assert database.delta_bytes.point == pytest.approx(60 * MEBIBYTE)
    assert database.target == ("shop-prod", "data-db-0")


def test_no_more_than_the_whole_volume_can_change(events, points):
    history = read_history(events, points)
    later = outlook(points[-1], history, points[-1].started + timedelta(days=365), {})
    assert [one.delta_bytes.high for one in later] == [one.bytes for one in later]


def test_a_third_run_like_the_first_two_is_forecast_within_a_tenth(events, points):
    history = read_history(events, points)
    staged = {("shop-prod", "data-db-0"), ("shop-prod", "uploads")}
    volumes = outlook(
        points[-1], history, points[-1].started + timedelta(hours=1), {"shop": "shop-prod"}, staged=staged
    )
    made = make_forecast("shop", history, volumes, Lanes())
    third = read_history(cutover("third", 300, TIMES), []).runs[0]
    compared = compare(made, third)
    assert abs(compared.downtime.error) < 0.1
    assert compared.downtime.inside
    assert made.dominant == "ready"
    assert "| ready | 30 s |" in made.markdown()
    assert "| downtime |" in compared.markdown()
    assert "it includes its beginning by Airflow" in compared.markdown()


@pytest.mark.parametrize(
    ("expected", "measured", "said"),
    [
        (30.0, 3.4, "27 s faster"),
        (3.4, 30.0, "27 s slower"),
        (3.4, 3.41, "as expected"),
        (None, 3.4, ""),
        (30.0, None, ""),
    ],
)
def test_a_step_is_said_to_be_faster_or_slower_than_expected(expected, measured, said):
    bounds = expected and Range(low=expected / 2, point=expected, high=expected * 2)
    assert ComparedStep(step="x", expected=bounds, measured=measured).difference == said


def test_without_staging_the_whole_volume_is_waited_for(events, points):
    history = read_history(events, points)
    when = points[-1].started + timedelta(hours=1)
    names = {("shop-prod", "data-db-0"), ("shop-prod", "uploads")}
    staged = make_forecast(
        "shop", history, outlook(points[-1], history, when, {"shop": "shop-prod"}, staged=names), Lanes()
    )
    whole = make_forecast("shop", history, outlook(points[-1], history, when, {"shop": "shop-prod"}), Lanes())
    assert whole.step("restore").seconds.point > 3 * staged.step("restore").seconds.point
    assert whole.dominant == "restore (volume shop/data-db-0)"


def test_stagings_tell_how_fast_a_restore_is_before_there_was_one(points):
    moved = [(800 * MEBIBYTE, 22.0), (30 * MEBIBYTE, 2.75), (28 * MEBIBYTE, 2.7)]
    events = [
        Event(
            plan="shop",
            run=f"stage-{number}",
            name="staged",
            began=at(number),
            ended=at(number),
            data={
                "volumes": [
                    {"namespace": "shop-prod", "claim": "data-db-0", "bytes": size, "seconds": seconds}
                ]
            },
        )
        for number, (size, seconds) in enumerate(moved)
    ]
    history = read_history(events, points)
    name = ("shop-prod", "data-db-0")
    size = Range.exactly(100 * MEBIBYTE)
    made = make_forecast("shop", history, [VolumeOutlook(DB, name, 2000 * MEBIBYTE, size, size)], Lanes())
    assert made.volumes[0].restore_seconds.point == pytest.approx(4.5, rel=0.05)


def test_the_first_cutover_says_that_it_is_assumed_and_how_unsure_it_is(points):
    history = read_history([], points[:1])
    volumes = outlook(points[0], history, at(60), {})
    made = make_forecast("shop", history, volumes, Lanes(upload=40e6, download=80e6))
    assert made.runs == 0
    assert {step.basis for step in made.steps} == {"assumed"}
    assert made.downtime.high > 2 * made.downtime.point
    assert "much is assumed" in made.markdown()


def test_a_range_that_rests_on_assumptions_is_called_a_guess(points):
    history = read_history([], points[:1])
    first = make_forecast("shop", history, outlook(points[0], history, at(60), {}), Lanes())
    assert first.guessed
    assert "a guess, as not all steps were ever measured" in first.markdown()
    assert "four times of five" not in first.markdown()
    known = read_history(cutover("earlier", 0, TIMES), points)
    later = make_forecast("shop", known, outlook(points[-1], known, at(60), {}), Lanes())
    assert not later.guessed
    assert "four times of five" in later.markdown()


sizes = st.integers(min_value=0, max_value=10**13)
runs = st.lists(st.lists(st.floats(min_value=0.1, max_value=3600), min_size=6, max_size=6), max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(sizes, min_size=1, max_size=6), sizes, runs, st.integers(min_value=1, max_value=8))
def test_downtime_never_shrinks_when_more_changes(deltas, more, earlier, lanes):
    events = [
        event
        for number, times in enumerate(earlier)
        for event in cutover(f"run-{number}", 600 * number, dict(zip(TIMES, times, strict=True)))
    ]
    history = read_history(events, [])
    forecast = [
        make_forecast(
            "shop", history, [outlook_of(*pair) for pair in enumerate(changed)], Lanes(lanes, lanes)
        )
        for changed in (deltas, [deltas[0] + more, *deltas[1:]])
    ]
    for end in ("low", "point", "high"):
        before, after = (getattr(one.downtime, end) for one in forecast)
        assert before <= after * (1 + 1e-9)
    for one in forecast:
        assert one.downtime.point in one.downtime
        assert one.downtime.point == pytest.approx(sum(step.seconds.point for step in one.steps))
        assert 0 < one.dominant_share <= 1


def outlook_of(number: int, delta: int) -> VolumeOutlook:
    name = ("shop", f"volume-{number}")
    return VolumeOutlook(name, name, 10**14, Range.exactly(delta), Range.exactly(delta))


def test_a_forecast_survives_being_written_down():
    made = make_forecast("shop", History(), [outlook_of(0, 1000)], Lanes(), now=START)
    assert type(made).model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.26, "1.3 s"), (42.4, "42 s"), (200, "3 min 20 s"), (120, "2 min"), (7500, "2 h 5 min")],
)
def test_durations_are_written_for_people(seconds, text):
    assert seconds_text(seconds) == text
