"""One Airflow and one sample shop, which every test here looks at; first it moves, then its cutovers fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

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
    """The folder of the example plan and of others like it that tests need."""
    folder = tmp_path_factory.mktemp("plans")
    shutil.copy(PLAN, folder)
    write_plan(folder, "slow", **slow_backups())
    if os.environ.get("MIGRATION_OPS_LONG_TESTS"):
        write_plan(folder, "hasty", approvals={"timeout": "20s"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_OPS_PLANS", str(folder))  # what the demo starts inherits it
        yield folder


def write_plan(folder: Path, name: str, **changes: Any) -> None:
    """Write the example plan under another name, with some of its sections changed; None takes one away."""
    plan = yaml.safe_load(PLAN.read_text(encoding="utf-8"))
    for section, change in changes.items():
        plan[section] = plan.get(section, {}) | change if isinstance(change, dict) else change
    document = {key: value for key, value in plan.items() if value is not None} | {"name": name}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def slow_backups() -> dict[str, Any]:
    """Changes of a plan whose backups take half a minute, into a vault of their own."""
    return {
        "description": "Backups that send slowly, to be watched.",
        "target": None,
        "vault": {"conn_id": "slow_vault"},
        "movers": {"limit_upload": "4MiB/s"},
    }


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
