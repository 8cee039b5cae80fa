"""One Airflow and one sample shop, which every test here looks at; first it moves, then its cutovers fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.demo import checks
from tests.demo.airflow_stack import AirflowStack
from tests.demo.ground import lab_ground
from tests.demo.process import stop_all
from tests.demo.progress import Progress
from tests.demo.scenario import Scenario
from tests.demo.shop import deployment
from tests.demo.shop.deployment import SOURCE_NAMESPACE, TARGET_NAMESPACE
from tests.demo.workspace import Workspace
from tests.e2e.cutovers import Cutovers
from tests.lab import Lab


@pytest.fixture(scope="session")
def shop(lab: Lab) -> Iterator[Scenario]:
    """The demo's shop, open in the source and backed up; it takes the place of a demo that may be running."""
    workspace, progress = Workspace(), Progress()
    with workspace.alone(), closing(lab_ground(lab)) as ground, progress.signs_of_life():
        stop_all(workspace)
        workspace.clear()
        scenario = Scenario(ground, workspace, progress)
        try:
            scenario.airflow.start()
            scenario.open_shop()
            scenario.back_up()
            yield scenario
        finally:
            AirflowStack(workspace, progress).stop()
            stop_all(workspace)
            deployment.remove((ground.source, ground.target), progress)
            workspace.clear()


@pytest.fixture(scope="session")
def migration(shop: Scenario) -> Scenario:
    """The demo's story up to the finished cutover."""
    shop.cut_over()
    return shop


@pytest.fixture(scope="module")
def cutovers(shop: Scenario) -> Cutovers:
    """The shop back in the source, whatever tests before did with it, and nothing of it in the target."""
    if TARGET_NAMESPACE in shop.ground.target.namespaces():
        with shop.airflow.api() as api:
            api.run("shop.rollback")
    elif not checks.is_open(shop.ground.source):
        shop.resume_source()
    deployment.await_ready(shop.ground.source, SOURCE_NAMESPACE, shop.progress)
    return Cutovers(shop)
