"""The vault's upkeep on the real vault: forget, prune, check; and never what a running cutover needs.

Runs with `make test-long`.
"""

from __future__ import annotations

import os

import pytest

from migration_ops.migration.vault_records import find_restore_points
from migration_ops.vault import StoreSettings, open_repository
from tests.demo.airflow_api import Question, RunFailedError
from tests.demo.scenario import Scenario
from tests.e2e.cutovers import DAG_ID, Cutovers

LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`
pytestmark = [pytest.mark.lab, pytest.mark.s3, pytest.mark.timeout(2700), pytest.mark.xdist_group("e2e")]

KEPT = 3  # the last three by the example plan; of a single day also the oldest, as restic keeps it
POINTS = KEPT + 3


def points(scenario: Scenario) -> list[str]:
    """Ids of the vault's restore points, as anybody finds them who can open it."""
    store = scenario.ground.store
    environment = {"AWS_ACCESS_KEY_ID": store.access_key, "AWS_SECRET_ACCESS_KEY": store.secret_key}
    if store.ca_file:
        environment["RESTIC_CACERT"] = str(store.ca_file)
    password = scenario.workspace.secret("vault-password")
    repository = open_repository(store.location, password, StoreSettings.from_environment(environment))
    return [point.id for point in find_restore_points(repository, "shop")]


if LONG:

    def test_old_points_go_and_a_part_of_the_rest_is_read_again(cutovers: Cutovers) -> None:
        scenario = cutovers.scenario
        with cutovers.api() as api:
            while len(points(scenario)) < POINTS:
                api.run("shop.backup", {"kind": "full"})
            before = points(scenario)
            run = api.run("shop.maintain", {"read": "50%"})
            forgotten = api.result(run, "forget")["forgotten"]
            tasks = {one["task_id"]: one for one in api.tasks("shop.maintain", run.run_id)}
            logs = {name: api.log(tasks[name]) for name in ("prune", "check")}
        assert len(forgotten) > 0
        assert points(scenario) == [point for point in before if point not in forgotten]
        assert points(scenario)[-KEPT:] == before[-KEPT:]
        assert "Done" in logs["prune"]
        assert "Done" in logs["check"]
        cutovers.run()
        cutovers.check_back()

    def test_upkeep_waits_for_the_end_of_a_cutover(cutovers: Cutovers) -> None:
        before = list[str]()

        def answer(question: Question) -> str:
            if question.task_id != "finish":
                return "Approve"
            before.extend(points(cutovers.scenario))
            with cutovers.api() as other, pytest.raises(RunFailedError, match="has stopped the source"):
                other.run("shop.maintain")
            assert points(cutovers.scenario) == before
            return "Roll back"

        with cutovers.api() as api:
            api.wait_for_dag(DAG_ID)
            cutovers.run_id = api.trigger(DAG_ID)
            api.wait(DAG_ID, cutovers.run_id, answer=answer, seconds=1500)
        assert before
        cutovers.check_back()
