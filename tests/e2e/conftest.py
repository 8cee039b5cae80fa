"""One Airflow and one sample shop, which every test here looks at; first it moves, then its cutovers fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.demo.airflow_stack import AirflowStack
from tests.demo.ground import lab_ground
from tests.demo.process import stop_all
from tests.demo.progress import Progress
from tests.demo.scenario import PLAN, Scenario
from tests.demo.shop import deployment
from tests.demo.workspace import Workspace
from tests.e2e.cutovers import Cutovers
from tests.lab import Lab


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the example plan; in long runs with a second one, whose questions wait a moment only."""
    if not os.environ.get("MIGRATION_OPS_LONG_TESTS"):
        yield PLAN.parent
        return
    folder = tmp_path_factory.mktemp("plans")
    shutil.copy(PLAN, folder)
    hasty = yaml.safe_load(PLAN.read_text(encoding="utf-8"))
    hasty["name"] = "hasty"
    hasty["approvals"]["timeout"] = "20s"
    (folder / "hasty.yaml").write_text(yaml.safe_dump(hasty), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_OPS_PLANS", str(folder))  # what the demo starts inherits it
        yield folder


@pytest.fixture(scope="session")
def hasty_plan(plans: Path) -> str:
    """Name of the plan whose questions wait a moment only."""
    return (plans / "hasty.yaml").stem


@pytest.fixture(scope="session")
def shop(lab: Lab, plans: Path) -> Iterator[Scenario]:
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


@pytest.fixture
def cutovers(shop: Scenario) -> Cutovers:
    """The shop back in the source, whatever tests before did with it, and nothing of it in the target."""
    found = Cutovers(shop)
    found.make_ready()
    return found
