"""In a narrow window tables become cards, whose values keep their names; pictures scroll, by keys too."""

import re

import pytest

from .conftest import INCREMENT, RUN

POINT = f"/plans/shop/points/{INCREMENT}"


@pytest.mark.parametrize("address", [f"{POINT}/claims", f"{POINT}/objects", f"{POINT}/out"])
def test_each_value_of_a_card_has_its_name(pages, address):
    text = pages().settled(address).text
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = re.findall(r"<td[^>]*>", body)
    assert cells
    assert [cell for cell in cells if "data-label=" not in cell] == []


@pytest.mark.parametrize("address", ["/plans/shop", f"/plans/shop/runs/{RUN}"])
def test_pictures_that_scroll_are_reached_by_keyboard_and_have_a_name(pages, address):
    text = pages().settled(address).text
    drawn = re.findall(r'<div class="drawn"[^>]*>', text)
    assert drawn
    for one in drawn:
        assert 'tabindex="0" role="region" aria-label="' in one
