"""The calendar of a schedule: always inside a window, always forward, true to the clocks on the wall."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from migration_ops.migration.off_peak import Calendar, instant
from migration_ops.migration.plan_schedule import WEEKDAYS, Schedule

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = {"start": "22:00", "end": "06:00"}


def calendar(**schedule):
    return Calendar(Schedule.model_validate(schedule))


def berlin(*parts, fold=0):
    return datetime(*parts, tzinfo=BERLIN, fold=fold).astimezone(UTC)


def slots(of, after, count):
    found = []
    for _ in range(count):
        after = of.next_slot(after)
        found.append(after.astimezone(of.schedule.zone).strftime("%a %d %H:%M"))
    return found


def test_a_moment_outside_of_the_windows_waits_for_the_next_window():
    plan = calendar(incremental="0 12 * * *", window=NIGHT, timezone="Europe/Berlin")
    assert slots(plan, berlin(2026, 11, 2), 2) == ["Mon 02 22:00", "Tue 03 22:00"]


def test_several_that_wait_become_one():
    plan = calendar(full="0 9 * * 1", incremental="*/10 * * * *", window={"start": "01:00", "end": "01:15"})
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    assert slots(plan, monday, 4) == ["Mon 02 01:00", "Mon 02 01:10", "Tue 03 01:00", "Tue 03 01:10"]


def test_weekdays_are_those_on_which_a_window_begins():
    plan = calendar(incremental="30 0-5,22,23 * * *", window=NIGHT | {"weekdays": ["fri"]})
    friday = datetime(2026, 11, 6, tzinfo=UTC)
    assert slots(plan, friday, 10)[::3] == ["Fri 06 22:00", "Sat 07 00:30", "Sat 07 03:30", "Fri 13 22:00"]


def test_blackout_dates_cut_windows_off_at_midnight():
    plan = calendar(
        full="0 23 * * *",
        window=NIGHT,
        blackout=["2026-12-24", {"first": "2026-12-31", "last": "2027-01-02"}],
    )
    assert slots(plan, datetime(2026, 12, 23, tzinfo=UTC), 3) == [
        "Wed 23 23:00",
        "Fri 25 00:00",
        "Fri 25 23:00",
    ]
    assert plan.opening_at(datetime(2026, 12, 23, 23, tzinfo=UTC)).end == datetime(2026, 12, 24, tzinfo=UTC)
    assert plan.next_opening(datetime(2026, 12, 31, 3, tzinfo=UTC)) == datetime(2027, 1, 3, tzinfo=UTC)


def test_who_blacks_out_everything_gets_nothing():
    plan = calendar(full="0 1 * * *", blackout=[{"first": "2020-01-01", "last": "2060-01-01"}])
    assert plan.next_slot(datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert plan.next_opening(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_windows_without_a_gap_are_one_opening_unless_their_limits_differ():
    day, night = {"start": "06:00", "end": "22:00"}, NIGHT
    one = calendar(windows=[day, night])
    noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert one.opening_at(noon).end > noon + timedelta(days=6)
    two = calendar(windows=[day | {"limit_upload": "10MiB/s"}, night])
    assert two.opening_at(noon).limit_upload == 10 * 2**20
    assert two.opening_at(noon).end == datetime(2026, 11, 2, 22, tzinfo=UTC)
    assert two.opening_at(noon + timedelta(hours=10)).limit_upload is None


def test_without_windows_it_is_always_open():
    plan = calendar(full="0 1 * * 6")
    assert plan.opening_at(datetime(2026, 11, 2, tzinfo=UTC)).end is None
    assert plan.full_due(datetime(2026, 11, 9, tzinfo=UTC)) == datetime(2026, 11, 7, 1, tzinfo=UTC)


def test_when_the_clocks_go_forward_the_missing_hour_is_the_change_itself():
    plan = calendar(
        incremental="30 2 * * *", window={"start": "02:15", "end": "02:45"}, timezone="Europe/Berlin"
    )
    # Sunday has no such window at all: it is made up for behind the change.
    assert slots(plan, berlin(2026, 3, 28, 12), 3) == ["Sun 29 03:00", "Mon 30 02:30", "Tue 31 02:30"]
    made_up = plan.opening_at(berlin(2026, 3, 29, 3))
    assert (made_up.start, made_up.end) == (berlin(2026, 3, 29, 3), berlin(2026, 3, 29, 3, 30))
    plan = calendar(
        incremental="30 2 * * *", window={"start": "02:15", "end": "04:00"}, timezone="Europe/Berlin"
    )
    assert slots(plan, berlin(2026, 3, 28, 12), 1) == ["Sun 29 03:00"]
    assert instant(datetime.fromisoformat("2026-03-29T02:30"), BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "openings"),
    [
        # start, end, limit of each; start and end of the openings on that night
        ([("02:00", "03:00", 1)], [("03:00", "04:00", 1)]),
        ([("02:00", "03:00", 1), ("03:00", "05:00", 2)], [("03:00", "05:00", 2)]),
        ([("02:00", "03:00", 1), ("03:30", "05:00", 2)], [("03:00", "03:30", 1), ("03:30", "05:00", 2)]),
        ([("02:00", "02:30", 1), ("02:30", "03:00", 2)], [("03:00", "03:30", 1)]),
        ([("22:00", "02:00", 1), ("02:00", "03:00", 2)], [("22:00", "03:00", 1), ("03:00", "04:00", 2)]),
    ],
)
def test_a_window_that_the_clocks_leave_out_is_made_up_for_up_to_the_next_one(windows, openings):
    given = [{"start": start, "end": end, "limit_upload": f"{limit}MiB/s"} for start, end, limit in windows]
    plan = calendar(windows=given, timezone="Europe/Berlin")
    found, moment = [], berlin(2026, 3, 28, 12)
    while (moment := plan.next_opening(moment)) < berlin(2026, 3, 29, 12):
        opening = plan.opening_at(moment)
        local = [f"{one.astimezone(BERLIN):%H:%M}" for one in (opening.start, opening.end)]
        found.append((*local, opening.limit_upload // 2**20))
        moment = opening.end
    assert found == openings


def test_when_the_clocks_go_back_the_repeated_hour_counts_once():
    plan = calendar(
        incremental="30 2 * * *", window={"start": "02:00", "end": "02:45"}, timezone="Europe/Berlin"
    )
    first = berlin(2026, 10, 25, 2, 30)
    assert plan.next_slot(berlin(2026, 10, 25)) == first
    assert plan.next_slot(first) == berlin(2026, 10, 26, 2, 30)
    assert plan.missed_slot(berlin(2026, 10, 25, 2, 40)) == first
    assert plan.opening_at(berlin(2026, 10, 25, 2, 40, fold=1)) is None


zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe"])
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
crons = st.builds(
    "{} {} * * {}".format,
    st.sampled_from(["0", "30", "*/20", "59"]),
    st.sampled_from(["*", "1", "2", "2-5", "*/6", "23"]),
    st.sampled_from(["*", "0", "6", "1-5"]),
)
days = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@st.composite
def schedules(draw):
    """Schedules with up to three windows that don't overlap, over a year with its changes of clocks."""
    windows = []
    for _ in range(draw(st.integers(0, 3))):
        window = {"start": draw(times), "end": draw(times)}
        window["weekdays"] = draw(st.lists(st.sampled_from(WEEKDAYS), unique=True))
        try:
            Schedule.model_validate({"windows": [*windows, window]})
        except ValidationError:
            continue
        windows.append(window)
    return Schedule.model_validate(
        {
            "full": draw(st.none() | crons),
            "incremental": draw(crons),
            "windows": windows,
            "timezone": draw(zones),
            "blackout": [
                {"first": first, "last": first + timedelta(draw(st.integers(0, 9)))}
                for first in draw(st.lists(days, max_size=3))
            ],
        }
    )


moments = st.integers(0, 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
) | st.sampled_from([berlin(2026, 3, 29), berlin(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)])


@settings(deadline=None, max_examples=40)
@given(schedules(), moments)
def test_every_run_begins_in_a_window_later_than_the_one_before_and_not_in_the_blackout(schedule, begin):
    plan = Calendar(schedule)
    found, after = [], begin
    while len(found) < 6 and (after := plan.next_slot(after)) is not None:
        found.append(after)
        assert plan.opening_at(after).holds(after)
        local = after.astimezone(schedule.zone).date()
        assert not any(period.first <= local <= period.last for period in schedule.blackout)
    assert all(earlier < later for earlier, later in pairwise([begin, *found]))


@settings(deadline=None, max_examples=30)
@given(schedules(), moments)
def test_what_is_next_becomes_what_was_missed(schedule, begin):
    plan = Calendar(schedule)
    slot = plan.next_slot(begin)
    if slot is not None:
        assert plan.missed_slot(slot) == slot
        assert plan.next_slot(slot - timedelta(seconds=1)) == slot


@settings(deadline=None, max_examples=30)
@given(schedules(), moments)
def test_openings_end_and_what_comes_after_is_closed_or_another(schedule, moment):
    plan = Calendar(schedule)
    opening = plan.opening_at(moment)
    if opening and opening.end:
        assert opening.start <= moment < opening.end
        after = plan.opening_at(opening.end)
        assert after is None or after.start == opening.end
        assert plan.next_opening(opening.end) is None or plan.next_opening(opening.end) >= opening.end


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"full": "0 0 30 2 *"}, "never comes"),
        ({"full": "R * * * *"}, "no cron expression"),
        ({"full": "* * * * * *"}, "no cron expression"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"timezone": "../../etc/passwd"}, "no time zone"),
        ({"window": NIGHT, "windows": [NIGHT]}, "put all into `windows`"),
        ({"windows": [NIGHT, {"start": "05:00", "end": "07:00"}]}, r"windows\[0\] and windows\[1\] overlap"),
        ({"window": NIGHT | {"timezone": "UTC"}, "timezone": "Asia/Shanghai"}, "several time zones"),
        ({"blackout": [{"first": "2026-12-31", "last": "2026-12-01"}]}, "lies before"),
    ],
)
def test_what_cannot_be_meant_is_refused(schedule, message):
    with pytest.raises(ValidationError, match=message):
        Schedule.model_validate(schedule)
