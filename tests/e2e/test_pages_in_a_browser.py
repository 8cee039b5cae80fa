"""What an operator sees and does in Airflow's UI, in a real browser on the running Airflow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.scenario import Scenario
from tests.e2e.browser import browser, logged_in, visit

# Playwright's driver leaves its socket to the interpreter's end.
pytestmark = [
    pytest.mark.lab,
    pytest.mark.s3,
    pytest.mark.timeout(2700),
    pytest.mark.xdist_group("e2e"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PAGES = "/migration-ops"
VOLUME = "shop/data-db-0"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium: Browser, migration: Scenario) -> Iterator[Page]:
    with logged_in(chromium, migration.airflow) as tab:
        yield tab


def test_the_navigation_leads_to_the_plan(page: Page) -> None:
    visit(page, "/")
    page.get_by_role("link", name="Migrations").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="shop", exact=True).click()
    expect(frame.get_by_role("heading", name="shop", exact=True)).to_be_visible()
    expect(frame.get_by_role("link", name="shop/data-db-0").first).to_be_visible()
    expect(frame.get_by_role("img", name=re.compile("Size of each restore point"))).to_be_visible()
    expect(frame.get_by_role("img", name=re.compile("Steps of the run, down"))).to_be_visible()


def test_a_search_finds_an_object_and_its_diff_names_the_rules(page: Page) -> None:
    visit(page, f"{PAGES}/plans/shop")
    page.get_by_role("link", name=re.compile("-final-")).first.click()
    page.get_by_role("link", name="Objects", exact=True).click()
    page.get_by_role("searchbox").fill("deployment writer")
    expect(page.get_by_text("1 object", exact=True)).to_be_visible()
    page.get_by_role("link", name="writer", exact=True).click()
    change = page.get_by_role("region", name="/spec/template/spec/containers/0/image")
    expect(change).to_contain_text("images/containers")
    expect(change).to_contain_text("registry-vpc.cn-hangzhou.aliyuncs.com/shop/writer")


def test_a_secret_shows_its_keys_only(page: Page, migration: Scenario) -> None:
    password = migration.workspace.secret("shop-database-password")
    visit(page, f"{PAGES}/plans/shop")
    page.get_by_role("link", name=re.compile("-final-")).first.click()
    page.get_by_role("link", name="v1/Secret").click()
    page.get_by_role("link", name="db-credentials").click()
    expect(page.get_by_text("Values of Secrets are never shown")).to_be_visible()
    assert password not in page.content()


def test_everything_is_reached_by_keyboard_in_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    visit(page, f"{PAGES}/")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "shop":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="shop", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_mode_follows_the_system_and_airflows_own_choice(chromium: Browser, migration: Scenario) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with logged_in(chromium, migration.airflow, "dark") as tab:
        visit(tab, f"{PAGES}/plans/shop")
        assert tab.evaluate(ground) == "rgb(17, 17, 19)"
        tab.evaluate("document.documentElement.dataset.theme = 'light'")
        assert tab.evaluate(ground) == "rgb(255, 255, 255)"


def test_nobody_sees_a_page_without_logging_in(migration: Scenario) -> None:
    for path in ("/", "/plans/shop", "/api/plans", "/openapi.json", "/assets/pages.css"):
        answer = httpx.get(f"{migration.airflow.address}{PAGES}{path}", timeout=60)
        assert answer.status_code == 401
        assert "shop_source" not in answer.text


@pytest.fixture(scope="module")
def busy(migration: Scenario) -> Iterator[None]:
    """A slow backup under way, and a rollback that asks for its approval; both have ended afterwards."""
    connections = migration.connections()
    slow = {**connections["shop_vault"], "host": f"{migration.ground.store.location}-slow"}
    make_vault(migration, str(slow["host"]))
    migration.airflow.connect({**connections, "slow_vault": slow})
    with migration.airflow.api() as api:
        for dag_id in ("slow.backup", "shop.rollback"):
            api.wait_for_dag(dag_id)
        backup = api.trigger("slow.backup", {"kind": "full"})
        rollback = api.trigger("shop.rollback")
        yield
        assert api.wait("slow.backup", backup, seconds=600).state == "success"
        assert api.wait("shop.rollback", rollback, seconds=600).state == "success"


def make_vault(migration: Scenario, location: str) -> None:
    """Make a vault, as `connect` would."""
    store = migration.ground.store
    environment = {
        **os.environ,
        "RESTIC_PASSWORD": migration.workspace.secret("vault-password"),
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        **({"RESTIC_CACERT": str(store.ca_file)} if store.ca_file else {}),
    }
    command = [str(Path(sys.executable).with_name("migration-ops")), "vault", "init", "--repo", location]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("busy")
def test_bars_move_while_movers_work(page: Page) -> None:
    """The page fetches what has changed by itself; nobody loads it again."""
    visit(page, f"{PAGES}/plans/slow")
    bar = page.get_by_role("progressbar", name=VOLUME)
    expect(bar).to_be_visible(timeout=240_000)
    first = float(bar.get_attribute("value") or 0)
    row = page.get_by_role("row").filter(has=bar)
    expect(row).to_contain_text(re.compile(r"\d %.* of .*/s"))
    log = row.get_by_role("link", name="log")
    expect(log).to_have_attribute("href", re.compile(r"/dags/slow\.backup/runs/"))
    moved = page.wait_for_function(
        "([name, first]) => [...document.querySelectorAll('progress')]"
        ".find((bar) => bar.ariaLabel === name && bar.value > first)?.value",
        arg=[VOLUME, first],
    )
    assert first < moved.json_value() <= 1


@pytest.mark.usefixtures("busy")
def test_an_approval_is_found_on_the_page_and_given_in_airflow(page: Page) -> None:
    visit(page, f"{PAGES}/plans/shop")
    question = page.get_by_role("link", name="Roll shop back to the source?")
    question.click(timeout=240_000)
    expect(page.get_by_text("Roll shop back to the source?").first).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as answered:
        page.get_by_role("button", name="Approve").click()
    assert "/hitlDetails" in answered.value.url
    assert answered.value.ok
    visit(page, f"{PAGES}/plans/shop")
    expect(question).to_be_hidden(timeout=240_000)
