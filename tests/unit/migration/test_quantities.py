"""Durations and rates are written as people say them."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from migration_ops.migration.quantities import BytesPerSecond, Duration

DURATION, RATE = TypeAdapter(Duration), TypeAdapter(BytesPerSecond)


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("2d", 172_800)]
)
def test_a_duration_says_its_unit(text, seconds):
    assert DURATION.validate_python(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "60", "s", "-5s", "5 s", "5y", "0s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValidationError):
        DURATION.validate_python(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("50MiB/s", 50 * 2**20), ("1.5KiB/s", 1536), ("2MB/s", 2_000_000), ("4096B/s", 4096)]
)
def test_a_rate_says_its_unit(text, rate):
    assert RATE.validate_python(text) == rate


@pytest.mark.parametrize("text", ["50MiB", "50 MiB/s", "MiB/s", "1B/s", "5x/s"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValidationError):
        RATE.validate_python(text)


@pytest.mark.parametrize("seconds", [1, 90, 0.25, 86_400])
def test_durations_are_written_so_that_they_are_read_back(seconds):
    duration = timedelta(seconds=seconds)
    assert DURATION.validate_python(DURATION.dump_python(duration)) == duration
