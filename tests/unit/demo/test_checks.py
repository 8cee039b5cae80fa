"""A check that can't fail proves nothing: the demo's checks notice what they are there for."""

from __future__ import annotations

import pytest

from tests.demo.checks import StoredOrder, check_orders, check_untouched, downtime
from tests.demo.ledger import Entry
from tests.demo.shop.image.order import Order

ORDERS = [Order(number, "customer-1", "teapot", 100 * number) for number in (1, 2, 3)]
STORED = [StoredOrder(order, order.checksum()) for order in ORDERS]
ACKNOWLEDGED = [Entry("shop", order.number, order.checksum(), float(order.number)) for order in ORDERS]


def test_orders_that_are_all_there_are_counted() -> None:
    assert check_orders(ACKNOWLEDGED, STORED) == 3


def test_an_order_that_the_ledger_does_not_know_is_no_fault() -> None:
    assert check_orders(ACKNOWLEDGED[:2], STORED) == 2


def test_a_lost_order_is_named() -> None:
    with pytest.raises(AssertionError, match=r"lost: orders \[2\]"):
        check_orders(ACKNOWLEDGED, [STORED[0], STORED[2]])


def test_an_order_stored_twice_is_named() -> None:
    with pytest.raises(AssertionError, match=r"more than once: orders \[3\]"):
        check_orders(ACKNOWLEDGED, [*STORED, STORED[2]])


def test_an_order_whose_content_changed_is_named() -> None:
    damaged = StoredOrder(Order(1, "customer-1", "cup", 100), STORED[0].checksum)
    with pytest.raises(AssertionError, match=r"don't fit their content: orders \[1\]"):
        check_orders(ACKNOWLEDGED, [damaged, *STORED[1:]])


def test_an_order_replaced_by_another_one_is_named() -> None:
    other = Order(1, "customer-2", "cup", 5)
    with pytest.raises(AssertionError, match=r"another content than acknowledged: orders \[1\]"):
        check_orders(ACKNOWLEDGED, [StoredOrder(other, other.checksum()), *STORED[1:]])


def test_a_touched_object_is_named() -> None:
    with pytest.raises(AssertionError, match="Secret/notes"):
        check_untouched({"Secret/notes": ("uid", "1")}, {"Secret/notes": ("uid", "2")}, "source")


def test_downtime_lies_between_the_last_order_here_and_the_first_one_there() -> None:
    entries = [Entry("shop", 1, "", 10.0), Entry("shop", 2, "", 11.5), Entry("shop-prod", 3, "", 31.5)]
    assert downtime(entries) == 20.0
