"""The timetable: what Airflow is told about a plan's next backup, at any time of the clock."""

from unittest.mock import patch

import pendulum
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import DataInterval, TimeRestriction

from migration_ops.timetables.off_peak import OffPeakTimetable

SCHEDULE = {
    "full": "0 1 * * 6",
    "incremental": "0 2-5 * * *",
    "timezone": "Asia/Shanghai",
    "window": {"start": "01:00", "end": "06:00"},
    "blackout": [{"first": "2026-12-24", "last": "2026-12-26"}],
}
ANY_TIME = TimeRestriction(earliest=None, latest=None, catchup=False)


def shanghai(day, hour, minute=0):
    return pendulum.datetime(2026, 11, day, hour, minute, tz="Asia/Shanghai")


def next_run(now, last=None, schedule=None, restriction=ANY_TIME):
    """When the next run is, as the clock on the wall in Shanghai says."""
    interval = DataInterval.exact(last) if last else None
    with patch("migration_ops.timetables.off_peak.present", return_value=now.in_timezone("UTC")):
        info = OffPeakTimetable(schedule or SCHEDULE).next_dagrun_info(
            last_automated_data_interval=interval, restriction=restriction
        )
    if info is None:
        return None
    assert info.data_interval.start == info.data_interval.end == info.run_after
    return info.run_after.in_timezone("Asia/Shanghai")


def test_the_first_run_is_the_next_moment_not_a_past_one():
    assert next_run(shanghai(16, 2, 30)) == shanghai(16, 3)
    assert next_run(shanghai(16, 12)) == shanghai(17, 2)


def test_a_first_moment_isnt_lost_because_a_file_was_parsed_just_after_it():
    assert next_run(shanghai(16, 3, 2)) == shanghai(16, 3)


def test_a_run_that_is_due_stays_due_until_it_is_made():
    assert next_run(shanghai(16, 3, 40), last=shanghai(16, 2)) == shanghai(16, 3)


def test_of_many_missed_runs_the_newest_is_made_up_for_while_the_window_is_open():
    assert next_run(shanghai(16, 5, 30), last=shanghai(2, 2)) == shanghai(16, 5)
    assert next_run(shanghai(16, 5, 31), last=shanghai(16, 5)) == shanghai(17, 2)


def test_a_run_that_was_missed_is_not_made_up_for_outside_of_the_windows():
    assert next_run(shanghai(16, 9), last=shanghai(15, 2)) == shanghai(17, 2)


def test_nothing_comes_twice_for_one_moment():
    now, last, seen = shanghai(13, 0), None, []
    while len(seen) < 12:
        last = next_run(now, last)
        seen.append(last)
        now = last.add(minutes=1)
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen)


def test_start_and_end_of_a_dag_are_kept():
    later = TimeRestriction(shanghai(20, 3, 30), None, catchup=False)
    assert next_run(shanghai(16, 12), restriction=later) == shanghai(20, 4)
    over = TimeRestriction(None, shanghai(16, 13), catchup=False)
    assert next_run(shanghai(16, 12), restriction=over) is None


def test_a_schedule_that_never_comes_has_no_next_run():
    blackout = [{"first": "2026-01-01", "last": "2090-01-01"}]
    assert next_run(shanghai(16, 12), schedule=SCHEDULE | {"blackout": blackout}) is None


def test_airflow_keeps_it_and_reads_it_back():
    timetable = OffPeakTimetable(SCHEDULE)
    again = decode_timetable(encode_timetable(timetable))
    assert again == timetable
    assert hash(again) == hash(timetable)


def test_a_run_by_hand_stands_for_its_moment():
    moment = shanghai(16, 12)
    assert OffPeakTimetable(SCHEDULE).infer_manual_data_interval(run_after=moment) == DataInterval.exact(
        moment
    )


def test_people_read_when_it_runs():
    timetable = OffPeakTimetable(SCHEDULE)
    assert timetable.summary == "full 0 1 * * 6, incremental 0 2-5 * * *, within 01:00-06:00"
    assert "At 01:00, only on Saturday" in timetable.description
    assert "time zone Asia/Shanghai" in timetable.description
    assert "not on 1 blackout" in timetable.description
