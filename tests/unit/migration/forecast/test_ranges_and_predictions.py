"""What statistics promise, for any numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from migration_ops.migration.forecast.lanes import in_lanes
from migration_ops.migration.forecast.prediction import predict, student_quantile
from migration_ops.migration.forecast.ranges import Range, total
from migration_ops.migration.forecast.work import Sample, WorkModel

seconds = st.floats(min_value=1e-4, max_value=1e6)
amounts = st.integers(min_value=0, max_value=10**13).map(float)  # bytes, which have no fractions
ranges = (
    st.tuples(seconds, seconds, seconds).map(sorted).map(lambda s: Range(low=s[0], point=s[1], high=s[2]))
)
samples = st.lists(st.builds(Sample, amounts, seconds), max_size=12)


@given(st.lists(seconds, min_size=1, max_size=20))
def test_a_prediction_contains_its_point_and_nothing_negative(values):
    predicted = predict(values)
    assert 0 <= predicted.low <= predicted.point <= predicted.high
    newest = values[-10:]
    assert min(newest) * 0.999 <= predicted.point <= max(newest) * 1.001


@given(st.lists(seconds, min_size=1, max_size=8), st.floats(min_value=1.0, max_value=100.0))
def test_a_prediction_grows_with_its_values(values, factor):
    once, larger = predict(values), predict([value * factor for value in values])
    for end in ("low", "point", "high"):
        assert getattr(larger, end) == pytest.approx(getattr(once, end) * factor, rel=1e-6)


def test_no_values_predict_nothing():
    assert predict([]) is None


def test_equal_runs_narrow_the_range_and_never_close_it():
    widths = [(p := predict([10.0] * number)).high / p.low for number in (1, 2, 5, 10)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 1.05


def test_one_wild_run_of_five_hardly_moves_the_point():
    assert predict([10.0, 11.0, 400.0, 10.5, 9.5]).point == pytest.approx(10.5)


@pytest.mark.parametrize(
    ("freedom", "tabled"), [(4, 1.533), (5, 1.476), (8, 1.397), (13, 1.350), (30, 1.310)]
)
def test_quantiles_agree_with_the_printed_table(freedom, tabled):
    assert student_quantile(0.9, freedom) == pytest.approx(tabled, abs=0.001)


def test_a_range_out_of_order_is_refused():
    with pytest.raises(ValidationError, match="doesn't hold"):
        Range(low=3, point=2, high=4)


@given(st.lists(ranges, max_size=8))
def test_a_sum_contains_its_point_and_is_narrower_than_adding_the_worst(parts):
    whole = total(parts)
    assert whole.point == pytest.approx(math.fsum(part.point for part in parts))
    assert whole.low <= whole.point <= whole.high
    assert whole.high <= math.fsum(part.high for part in parts) * (1 + 1e-9) + 1e-9


@given(st.lists(ranges, min_size=1, max_size=12), st.integers(min_value=1, max_value=8))
def test_lanes_take_at_least_the_longest_and_at_most_one_after_the_other(durations, lanes):
    taken = in_lanes(durations, lanes)
    assert taken.point >= max(one.point for one in durations) * (1 - 1e-9)
    assert taken.point <= math.fsum(one.point for one in durations) * (1 + 1e-9)
    assert taken.high <= math.fsum(one.high for one in durations) * (1 + 1e-9)
    assert in_lanes(durations, lanes + 1).point <= taken.point * (1 + 1e-9)


def test_volumes_that_all_fit_into_lanes_take_as_long_as_the_longest():
    longest = Range(low=4, point=5, high=7)
    assert in_lanes([Range.exactly(2), longest, Range.exactly(1)], 4) == longest


@given(samples, amounts, amounts, st.one_of(st.none(), st.floats(min_value=1e3, max_value=1e10)))
def test_more_bytes_never_take_less_time(measured, one, other, throughput):
    model = WorkModel.fit(measured, throughput)
    less, more = sorted((one, other))
    first, second = model.seconds(Range.exactly(less)), model.seconds(Range.exactly(more))
    for end in ("low", "point", "high"):
        assert getattr(first, end) <= getattr(second, end) * (1 + 1e-9)
    assert first.low <= first.point <= first.high


def test_a_line_is_found_again_in_spite_of_a_wild_sample():
    measured = [Sample(size, 3.0 + size / 50e6) for size in (1e6, 1e8, 5e8, 1e9, 2e9, 3e9)]
    measured.insert(2, Sample(2e8, 900.0))
    model = WorkModel.fit(measured)
    assert model.seconds(Range.exactly(1.5e9)).point == pytest.approx(33.0, rel=0.05)


def test_alike_samples_take_the_rate_from_the_probe():
    model = WorkModel.fit([Sample(1e8, 6.0), Sample(1e8, 6.0)], bytes_per_second=50e6)
    assert model.seconds(Range.exactly(1e8)).point == pytest.approx(6.0)
    assert model.seconds(Range.exactly(3e8)).point == pytest.approx(10.0)


def test_without_samples_the_range_is_wide():
    guessed = WorkModel.fit([], 10e6).seconds(Range.exactly(1e9))
    assert guessed.high / guessed.low > 5


def test_samples_that_moved_nothing_and_took_no_time_leave_the_rate_to_the_probe():
    model = WorkModel.fit([Sample(0.0, 0.002), Sample(0.0, 0.004)], bytes_per_second=1e6)
    assert model.seconds(Range.exactly(1e7)).point == pytest.approx(10.0, rel=0.1)
