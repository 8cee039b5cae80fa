"""Airflow for tests: a home of its own, set before anything imports Airflow."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

_home = tempfile.mkdtemp(prefix="migration-ops-airflow-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ |= {
    "AIRFLOW_HOME": _home,
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_home}/airflow.db",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow's own imports warn of their dependencies' changes, which is not ours to mend."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"))


class StateStore:
    """Stands in for Airflow's task state store."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def set(self, key: str, value: object) -> None:
        self.values[key] = value


@pytest.fixture
def store() -> StateStore:
    """A task's state store."""
    return StateStore()


@pytest.fixture
def plan() -> dict:
    """A plan as operators get it."""
    return {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "shop_source"},
        "target": {"conn_id": "shop_target"},
        "vault": {"conn_id": "shop_vault"},
        "namespaces": {"shop": "shop-prod"},
        "movers": {"image": "mover:1"},
    }
