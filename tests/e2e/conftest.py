"""One migration of the sample shop between the lab's clusters, which every test here looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.demo.airflow_stack import AirflowStack
from tests.demo.ground import lab_ground
from tests.demo.process import stop_all
from tests.demo.progress import Progress
from tests.demo.scenario import Scenario
from tests.demo.shop import deployment
from tests.demo.workspace import Workspace
from tests.lab import Lab


@pytest.fixture(scope="module")
def migration(lab: Lab) -> Iterator[Scenario]:
    """The demo's story up to the finished cutover; it takes the place of a demo that may be running."""
    workspace, progress = Workspace(), Progress()
    with workspace.alone(), closing(lab_ground(lab)) as ground, progress.signs_of_life():
        stop_all(workspace)
        workspace.clear()
        scenario = Scenario(ground, workspace, progress)
        try:
            scenario.airflow.start()
            scenario.open_shop()
            scenario.migrate()
            yield scenario
        finally:
            AirflowStack(workspace, progress).stop()
            stop_all(workspace)
            deployment.remove((ground.source, ground.target), progress)
            workspace.clear()
