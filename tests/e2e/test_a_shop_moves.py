"""A shop that trades all the time moves from one real cluster to another under Airflow."""

from __future__ import annotations

import pytest

from tests.demo import checks
from tests.demo.scenario import Scenario
from tests.demo.secrecy import leaks
from tests.demo.shop.deployment import TARGET_NAMESPACE

# One migration serves all tests, in this order: the last one starts the source again.
pytestmark = [pytest.mark.lab, pytest.mark.s3, pytest.mark.timeout(2700), pytest.mark.xdist_group("e2e")]


def test_every_acknowledged_order_is_in_the_target_once_and_unchanged(migration: Scenario) -> None:
    entries = migration.entries()
    assert {entry.namespace for entry in entries} == {"shop", "shop-prod"}
    assert checks.check_orders(entries, checks.stored_orders(migration.ground.target, TARGET_NAMESPACE)) > 150


def test_the_web_tier_answers_through_its_service_in_the_target(migration: Scenario) -> None:
    assert checks.check_web(migration.ground.target) > 150


def test_images_and_storage_classes_are_the_mapped_ones(migration: Scenario) -> None:
    checks.check_mapping(migration.ground.target)


def test_what_belongs_to_the_shop_came_along(migration: Scenario) -> None:
    checks.check_resources(migration.ground.target)


def test_what_was_excluded_stayed_behind(migration: Scenario) -> None:
    checks.check_left_out(migration.ground.target)


def test_the_application_beside_the_shop_was_not_touched(migration: Scenario) -> None:
    migration.check_untouched()


def test_the_final_backup_uploaded_less_than_a_tenth_of_the_full_one(migration: Scenario) -> None:
    migration.check_delta()


def test_the_shop_was_down_for_a_shorter_time_than_the_cutover_took(migration: Scenario) -> None:
    cutover = next(step for step in migration.steps if step.name == "cutover")
    assert cutover.downtime_seconds is not None
    assert 0 < cutover.downtime_seconds < cutover.seconds + 60


def test_no_secret_is_in_airflows_logs_and_database_nor_in_journals_and_reports(migration: Scenario) -> None:
    found, searched = leaks(migration.workspace, migration.ground.store)
    assert found == []
    assert searched > 200


def test_the_source_is_quiesced_and_can_be_resumed(migration: Scenario) -> None:
    checks.check_quiesced(migration.ground.source)
    migration.resume_source()
