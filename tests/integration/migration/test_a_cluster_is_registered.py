"""`PLAN.register` as Airflow runs it: a registered source is made, connected and reached, and a target found.

Airflow, both clusters and Alibaba's SDK are real; Alibaba's API is the fake of the unit tests.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from migration_ops.cluster import Cluster, NotFound
from tests.lab.foreign import AnyCluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
FAKE = ROOT / "tests" / "unit" / "alibaba" / "fake_container_service.py"


@pytest.fixture
def agent_namespace(source: AnyCluster) -> Iterator[str]:
    """The namespace that the agent makes in the source; it is removed again."""
    name = f"ack-agent-{uuid.uuid4().hex[:8]}"
    yield name
    with Cluster.from_kubeconfig(source.kubeconfig, name="source") as cluster:
        cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def api(agent_namespace: str, source: AnyCluster, target: AnyCluster) -> Iterator[Any]:
    """Alibaba's API: the target runs, the source isn't known; it runs as soon as its agent is there."""
    spec = importlib.util.spec_from_file_location("fake_container_service", FAKE)
    assert spec is not None
    assert spec.loader is not None
    fake = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)
    fake.AGENT = fake.AGENT.replace("ack-agent", agent_namespace)
    with fake.serving() as served, Cluster.from_kubeconfig(source.kubeconfig, name="source") as direct:
        prod = served.add("prod")
        served.pools = [{"status": {"total_nodes": 1, "healthy_nodes": 1}}]
        served.addons = [{"name": "csi-plugin", "version": "v1", "state": "active"}]
        served.polls_until_ready = 1
        grow = served.grow

        def grow_and_connect() -> None:
            grow()
            for cluster in served.clusters.values():
                if cluster["state"] == "waiting" and has_agent(direct, agent_namespace):
                    cluster["state"] = "running"

        def kubeconfig(number: str, _query: dict[str, str]) -> dict[str, Any]:
            reached = target if number == prod else source
            expires = datetime.now(UTC) + timedelta(hours=1)
            return {"config": reached.kubeconfig.read_text(), "expiration": expires.isoformat()}

        served.grow, served.kubeconfig = grow_and_connect, kubeconfig
        served.access = {
            "access_key_id": fake.KEY_ID,
            "access_key_secret": fake.KEY_SECRET,
            "region": fake.REGION,
            "endpoint": served.address,
        }
        yield served


def has_agent(cluster: Cluster, namespace: str) -> bool:
    try:
        cluster.get(f"/api/v1/namespaces/{namespace}/secrets/ack-credential")
    except NotFound:
        return False
    return True


@pytest.fixture
def airflow(tmp_path: Path, api: Any, source: AnyCluster) -> dict[str, str]:
    """The environment of an Airflow with the example plan, whose connections lead to Alibaba's API."""
    made = {"vpcid": "vpc-1", "vswitch_ids": ["vsw-1"]}
    more = {"cluster": "shop-source", "create": json.dumps(made), "agent_conn_id": "direct"}
    connections = {
        "shop_source": {"conn_type": "migration_ops_ack", "extra": api.access | more},
        "shop_target": {
            "conn_type": "migration_ops_ack",
            "extra": api.access | {"cluster": "prod", "components": "csi-plugin"},
        },
        "direct": {
            "conn_type": "kubernetes",
            "extra": {"kube_config": json.dumps(yaml.safe_load(source.kubeconfig.read_text()))},
        },
    }
    (tmp_path / "connections.json").write_text(json.dumps(connections))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return inherited | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"connections_file_path": str(tmp_path / "connections.json")}
        ),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "MIGRATION_OPS_PLANS": str(ROOT / "include" / "plans"),
    }


def run(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "airflow", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def test_both_clusters_are_brought_to_alibaba_cloud(
    api: Any, airflow: dict[str, str], tmp_path: Path, source: AnyCluster, target: AnyCluster
) -> None:
    run(airflow, "db", "migrate")
    said = run(airflow, "dags", "test", "shop.register")

    with sqlite3.connect(tmp_path / "airflow.db") as database:
        states = dict(database.execute("SELECT task_id, state FROM task_instance").fetchall())
    sides = ("source", "target")
    both = {f"{step}_{side}" for step in ("find", "report") for side in sides}
    both |= {f"{side}_{step}" for step in ("is_made", "runs") for side in sides}
    assert states == dict.fromkeys(both | {"connect_source"}, "success") | {"connect_target": "skipped"}

    (made,) = api.bodies
    assert (made["name"], made["cluster_type"]) == ("shop-source", "ExternalKubernetes")
    for cluster in (source, target):
        with Cluster.from_kubeconfig(cluster.kubeconfig) as reached:
            assert f"answers: Kubernetes {reached.version()}" in said
    assert "1 of 1 nodes are healthy" in said
    assert "Applied the agent to direct: 2 objects" in said
    assert api.access["access_key_secret"] not in said
    assert "agent-token-" not in said
