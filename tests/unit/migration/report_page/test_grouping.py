"""What was found of many objects takes one row, whose further objects are folded away."""

from hypothesis import given
from hypothesis import strategies as st

from migration_ops.migration.report_page.grouping import group_lines
from migration_ops.migration.report_page.model import FindingLine


def line(
    name: str, text: str = "is of a removed version", origin: str = "rules", suggestion: str = ""
) -> FindingLine:
    return FindingLine(severity="warning", origin=origin, object=name, text=text, suggestion=suggestion)


def test_findings_that_say_the_same_are_one_row_with_the_first_objects_shown() -> None:
    (group,) = group_lines([line(f"v1/Service/shop/web-{n}") for n in range(7)])
    assert group.shown == ("v1/Service/shop/web-0", "v1/Service/shop/web-1", "v1/Service/shop/web-2")
    assert len(group.folded) == 4


def test_one_object_more_than_is_shown_is_not_folded_away() -> None:
    (group,) = group_lines([line(f"v1/Service/shop/web-{n}") for n in range(4)])
    assert len(group.shown) == 4
    assert group.folded == ()


def test_what_others_say_or_advise_differently_stays_apart() -> None:
    lines = [
        line("a"),
        line("b", origin="readiness"),
        line("c", suggestion="Convert it."),
        line("d", "is large"),
    ]
    assert [(one.shown, one.origin, one.suggestion) for one in group_lines(lines)] == [
        (("a",), "rules", ""),
        (("b",), "readiness", ""),
        (("c",), "rules", "Convert it."),
        (("d",), "rules", ""),
    ]


@given(
    st.lists(
        st.tuples(st.integers(), st.sampled_from(["/spec is x", "is x", "is y"]), st.sampled_from(["", "do"]))
    )
)
def test_no_object_is_lost(found: list[tuple[int, str, str]]) -> None:
    lines = [line(f"v1/Pod/shop/{n}", text, suggestion=suggestion) for n, text, suggestion in found]
    groups = group_lines(lines)
    told = {(place.split()[0], one.suggestion) for one in groups for place in (*one.shown, *one.folded)}
    assert told == {(one.object, one.suggestion) for one in lines}
