"""What an operator sees and does in Airflow's UI, in a real browser on the running Airflow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.scenario import Scenario
from tests.e2e.browser import browser, logged_in

# Playwright's driver leaves its socket to the interpreter's end.
pytestmark = [
    pytest.mark.lab,
    pytest.mark.s3,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("e2e"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PAGES = "/migration-ops"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium: Browser, migration: Scenario) -> Iterator[Page]:
    with logged_in(chromium, migration.airflow) as tab:
        yield tab


def test_the_navigation_leads_to_the_plan(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Migrations").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="shop", exact=True).click()
    expect(frame.get_by_role("heading", name="shop", exact=True)).to_be_visible()
    expect(frame.get_by_role("link", name="shop/data-db-0").first).to_be_visible()
    expect(frame.get_by_role("img", name=re.compile("Size of each restore point"))).to_be_visible()
    expect(frame.get_by_role("img", name=re.compile("Steps of the run, down"))).to_be_visible()


def test_a_search_finds_an_object_and_its_diff_names_the_rules(page: Page) -> None:
    page.goto(f"{PAGES}/plans/shop")
    page.get_by_role("link", name=re.compile("-final-")).first.click()
    page.get_by_role("link", name="Objects", exact=True).click()
    page.get_by_role("searchbox").fill("deployment writer")
    expect(page.get_by_text("1 objects")).to_be_visible()
    page.get_by_role("link", name="writer", exact=True).click()
    change = page.get_by_role("region", name="/spec/template/spec/containers/0/image")
    expect(change).to_contain_text("images/containers")
    expect(change).to_contain_text("registry-vpc.cn-hangzhou.aliyuncs.com/shop/writer")


def test_a_secret_shows_its_keys_only(page: Page, migration: Scenario) -> None:
    password = migration.workspace.secret("shop-database-password")
    page.goto(f"{PAGES}/plans/shop")
    page.get_by_role("link", name=re.compile("-final-")).first.click()
    page.get_by_role("link", name="v1/Secret").click()
    page.get_by_role("link", name="db-credentials").click()
    expect(page.get_by_text("Values of Secrets are never shown")).to_be_visible()
    assert password not in page.content()


def test_everything_is_reached_by_keyboard_in_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(f"{PAGES}/")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "shop":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="shop", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_nobody_sees_a_page_without_logging_in(migration: Scenario) -> None:
    for path in ("/", "/plans/shop", "/api/plans", "/openapi.json", "/assets/pages.css"):
        answer = httpx.get(f"{migration.airflow.address}{PAGES}{path}", timeout=60)
        assert answer.status_code == 401
        assert "shop_source" not in answer.text
