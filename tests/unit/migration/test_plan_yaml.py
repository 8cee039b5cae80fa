"""The quick reader of plans gives what the one with lines gives, or leaves the file to it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from migration_ops.migration.plan_yaml import MAX_NODES, OddError, read_quickly, read_with_lines

PLANS = sorted((Path(__file__).parents[3] / "include" / "plans").glob("*.yaml"))
ALL_FORMS = """\
text: plain
quoted: "it: 'is'\\n\\u00e9"
single: 'it''s'
many: plain that
  goes on
folded: >-
  a
  b
literal: |
  a
   b
numbers: [0, 7, -3, 2.5, -0.25]
words: [true, false, null, ~, yes, on, 10m, 1Gi, 01:00, 1.2.3, "1", '2026-12-24']
nothing:
day: 2026-12-24
flow: {a: b, c, d: [x, {y: z}]}
block:
- k: v
  l: w
-
- - deep
"""
_the_same_each_time = settings(derandomize=True, database=None, deadline=None)


def types_of(value):
    """What validation sees: the value and the plain type of each of its parts."""
    if isinstance(value, dict):
        return [(types_of(key), types_of(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [types_of(each) for each in value]
    kinds = (bool, int, float, str)
    return next((kind.__name__ for kind in kinds if isinstance(value, kind)), type(value).__name__), value


@pytest.mark.parametrize("text", [*(path.read_text(encoding="utf-8") for path in PLANS), ALL_FORMS])
def test_plans_are_read_quickly_and_mean_the_same(text):
    assert types_of(read_quickly(text)) == types_of(read_with_lines(text))


@pytest.mark.parametrize(
    "change", ["---\n{}".format, "\ufeff{}".format, lambda text: text.replace("\n", "\r\n")]
)
def test_what_editors_and_linters_add_is_read_quickly_too(change):
    text = change(ALL_FORMS)
    assert (
        types_of(read_quickly(text)) == types_of(read_with_lines(text)) == types_of(read_quickly(ALL_FORMS))
    )


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",  # a key for the second time
        "1: a\n",  # a key that is no text
        "a: &x 1\nb: *x\n",  # aliases make small files huge
        "<<: {a: b}\n",
        "a: !!str 1\n",
        "a: 0o17\n",  # octal in YAML 1.2 only
        "a: 1e3\n",
        "a: 2026-13-01\n",
        "a: 2026-12-24 10:00:00\n",
        "%YAML 1.1\n---\na: on\n",
        "a: b\n--- \nc: d\n",
        "a:\tb\n",
        "a: |#b\n",
        "a: |+\n  b\n",
        "a: [b\n",
        "",
        "a: " + "[" * 60 + "]" * 60,
        "a: [" + "b, " * MAX_NODES + "]",
    ],
)
def test_whatever_is_odd_or_wrong_is_left_to_the_reader_that_knows_lines(text):
    with pytest.raises(OddError):
        read_quickly(text)


def test_a_hostile_depth_costs_nothing():
    with pytest.raises(OddError):
        read_quickly("- " * 100_000)


@_the_same_each_time
@given(
    st.sampled_from([ALL_FORMS, PLANS[0].read_text(encoding="utf-8")]),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 3),
            st.sampled_from(
                [" ", "\n", ":", ": ", "- ", " #", '"', "'", "{", "}", "[", "]", ",", "|", ">", "2", "~", "?"]
            ),
        ),
        max_size=3,
    ),
)
def test_no_slip_of_the_pen_is_read_in_two_ways(text, slips):
    for where, lost, instead in slips:
        at = int(where * len(text))
        text = text[:at] + instead + text[at + lost :]
    try:
        quick = read_quickly(text)
    except OddError:
        return
    assert types_of(quick) == types_of(read_with_lines(text))


@_the_same_each_time
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_is_read_alike(value):
    text = json.dumps({"a": value})
    try:
        quick = read_quickly(text)
    except OddError:
        return
    assert types_of(quick) == types_of(read_with_lines(text))


def test_a_day_that_no_calendar_has_is_named():
    with pytest.raises(YAMLError, match="2026-13-01 is no day of the calendar"):
        read_with_lines("blackout: [2026-13-01]\n")
