"""The page of a run whose application is down says so at once, and keeps the gravest of its findings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.migration import Plan
from migration_ops.migration.events import Event
from migration_ops.migration.journal import Journal
from migration_ops.ui.runs import run_report
from migration_ops.vault import init_repository, open_repository

from .conftest import NOON, PLAN, VAULT_PASSWORD, Hook

RUN = "manual-2026-11-22-eeeeeeee"


@pytest.fixture
def stopped(tmp_path):
    """A vault whose newest cutover has stopped the source a minute ago; and its journal."""
    location = str(tmp_path / "vault")
    journal = Journal(init_repository(location, VAULT_PASSWORD), "shop", "source")
    began = datetime.now(UTC) - timedelta(minutes=1)
    journal.write(RUN, "quiesce-begun", began=began, ended=began)
    return location, journal, began


@pytest.fixture
def shown(pages):
    def show(location: str) -> str:
        hook = Hook(location)
        hook.get_conn = lambda: open_repository(location, VAULT_PASSWORD)
        return pages(hook=lambda _: hook).settled(f"/plans/shop/runs/{RUN}").text

    return show


def test_right_after_the_stop_the_page_says_since_when_it_is_down(stopped, shown):
    location, _, began = stopped
    assert f"down since {began:%H:%M:%S} UTC, 1 min" in shown(location)


def test_while_steps_are_done_their_picture_says_that_it_goes_on(stopped, shown):
    location, journal, began = stopped
    journal.write(RUN, "quiesced", began=began, ended=began + timedelta(seconds=4))
    text = shown(location)
    assert "While the application is down" in text
    assert f"the application is down since {began:%H:%M:%S} UTC" in text
    assert '<table class="stack"><thead><tr><th scope="col">Step' in text


def test_another_cutover_that_moved_the_application_ends_the_downtime(stopped, shown):
    location, journal, began = stopped
    journal.write("manual-2026-11-22-ffffffff", "verified", ended=began + timedelta(seconds=50))
    text = shown(location)
    assert "so far</b>" not in text
    assert "<b>1 min" in text


def test_a_rehearsal_meanwhile_does_not_end_it(stopped, shown):
    location, journal, _ = stopped
    for name in ("rehearsal-begun", "verified"):
        journal.write("manual-2026-11-22-ffffffff", name)
    assert "so far</b>" in shown(location)


def test_a_source_that_did_not_answer_is_among_the_findings_of_its_run():
    readiness = [{"check": "vault", "severity": "info", "object": "source", "reason": "fast"}]
    events = [
        Event(plan="shop", run="r", name="prepared", began=NOON, ended=NOON, data={"readiness": readiness}),
        Event(plan="shop", run="r", name="source-silent", began=NOON, ended=NOON, data={"reason": "gone"}),
    ]
    silent, other = run_report(Plan.model_validate(PLAN), "cutover", "r", events).findings
    assert (silent.severity, silent.object) == ("warning", "shop_source")
    assert silent.text.startswith("didn't answer, so it isn't known whether it stood still")
    assert other.text == "fast"
