"""Clusters of Alibaba Cloud are found or made by tasks that may be repeated; the API is a fake."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from migration_ops.alibaba import AlibabaError, ClusterFailedError, ClusterMissingError, ServiceBusyError
from migration_ops.alibaba.kubeconfig import forget_kubeconfigs
from migration_ops.hooks.ack import AckHook
from migration_ops.hooks.cluster import ClusterHook
from migration_ops.hooks.cluster_fields import cluster_fields
from migration_ops.migration.errors import ReadinessError
from migration_ops.operators.register import (
    AckStateSensor,
    ApplyAgentOperator,
    FindAckClusterOperator,
)

FAKE = Path(__file__).parents[1] / "alibaba" / "fake_container_service.py"
CONTEXT = {"dag_run": SimpleNamespace(run_id="manual-1")}


def load_fake():
    spec = importlib.util.spec_from_file_location("fake_container_service", FAKE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def api(monkeypatch):
    fake = load_fake()
    forget_kubeconfigs()
    with fake.serving() as served:
        fields = {
            "access_key_id": fake.KEY_ID, "access_key_secret": fake.KEY_SECRET, "region": fake.REGION,
            "cluster": "shop-source", "endpoint": served.address, "network": "internal",
            "create": {"vpcid": "vpc-1", "vswitch_ids": ["vsw-1"]}, "components": "csi-plugin",
        }  # fmt: skip

        def connect(conn_id, **more):
            document = {"conn_type": "migration_ops_ack", "extra": fields | more}
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(document))

        served.connect, served.fields = connect, fields
        connect("shop_source")
        yield served


def find(plan, conn_id="shop_source"):
    return FindAckClusterOperator(task_id="find", plan=plan, conn_id=conn_id).execute(CONTEXT)


def poke(cluster, until, conn_id="shop_source"):
    sensor = AckStateSensor(task_id="wait", conn_id=conn_id, cluster=cluster, until=until)
    return sensor.poke(CONTEXT).is_done


def test_a_registered_cluster_is_made_once_a_run_and_awaits_its_agent(api, plan):
    cluster = find(plan)
    assert find(plan) == cluster | {"task": ""}
    assert len(api.clusters) == 1
    assert not poke(cluster, "running")
    assert poke(cluster, "agent")
    assert not poke(cluster, "running")
    api.clusters[cluster["id"]]["state"] = "running"
    assert poke(cluster, "running")


def test_a_cluster_that_fails_ends_the_wait(api, plan):
    cluster = find(plan)
    api.task_fails = True
    with pytest.raises(ClusterFailedError, match="QuotaExceeded no more clusters"):
        poke(cluster, "running")


def test_a_cluster_that_is_missing_is_not_made_unasked(api, plan):
    api.connect("shop_target", cluster="prod", create="")
    with pytest.raises(ClusterMissingError, match="no cluster prod in cn-hangzhou: make it, or put"):
        find(plan, "shop_target")
    assert api.clusters == {}


def test_without_a_direct_connection_the_agent_is_left_to_a_command_that_is_told(api, plan):
    number = api.add("shop-source", "ExternalKubernetes", "waiting")
    agent = ApplyAgentOperator(task_id="agent", plan=plan, conn_id="shop_source", cluster=find(plan))
    with pytest.raises(ReadinessError, match=f"ack agent --region cn-hangzhou --cluster {number}"):
        agent.execute(CONTEXT)
    api.clusters[number]["state"] = "running"
    with pytest.raises(AirflowSkipException, match="needs no agent"):
        agent.execute(CONTEXT)


def test_a_connection_with_a_kubeconfig_of_its_own_is_skipped(plan, monkeypatch):
    extra = {"kube_config": "{}"}
    monkeypatch.setenv("AIRFLOW_CONN_OWN", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    with pytest.raises(AirflowSkipException, match="own kubeconfig"):
        find(plan, "own")


@pytest.mark.parametrize("field", ["access_key_id", "access_key_secret", "region", "cluster"])
def test_a_connection_without_a_field_fails_instead_of_being_skipped(api, plan, field):
    api.connect("shop_target", **{field: None})
    with pytest.raises(AlibabaError, match=f"connection shop_target has no {field}; set it to"):
        find(plan, "shop_target")


def test_every_step_reaches_the_cluster_by_a_temporary_kubeconfig(api):
    api.add("shop-source")
    hook = ClusterHook("shop_source")
    assert hook.cluster.address == "https://10.0.0.1:6443"
    assert hook.cluster_name == "shop-source"
    again = ClusterHook(
        "shop_source", connection_extras=cluster_fields(AckHook.get_connection("shop_source"))
    )
    assert again.cluster.address == "https://10.0.0.1:6443"
    asked = [path for _, path, _ in api.asked if path.endswith("/user_config")]
    assert len(asked) == 1
    hook.cluster.close()
    again.cluster.close()


def test_the_test_button_tells_what_is_there(api):
    assert AckHook("shop_source").test_connection() == (
        True,
        "The key is good; there is no cluster shop-source yet",
    )
    number = api.add("shop-source")
    assert AckHook("shop_source").test_connection() == (True, f"Cluster shop-source ({number}) is running")
    api.connect("wrong", access_key_secret="other")
    good, text = AckHook("wrong").test_connection()
    assert (good, "SignatureDoesNotMatch" in text, "other" in text) == (False, True, False)


def test_the_test_button_asks_in_a_hurry(api, monkeypatch):
    asking = []

    def find(service, _cluster):
        asking.append(service)
        raise ServiceBusyError("away")

    monkeypatch.setattr("migration_ops.alibaba.find_cluster", find)
    assert AckHook("shop_source").test_connection() == (False, "connection shop_source: away")
    (service,) = asking
    assert service.retry_seconds + service.connect_seconds + service.read_seconds <= 11


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cluster", "", "connection wrong has no cluster; set it to the cluster's name or ID"),
        ("clustr", "shop", "its extra field clustr isn't known; was cluster meant?"),
        ("minutes", 5, "a kubeconfig can hold 15 to 4320 minutes; minutes is 5"),
        ("network", "both", "has to be public or internal"),
        ("minutes", "long", "has to be a number"),
        ("create", "{", "create isn't JSON"),
        ("create", "[]", "has to be a JSON object"),
    ],
)
def test_a_wrong_field_is_named(api, field, value, message):
    api.connect("wrong", **{field: value})
    good, text = AckHook("wrong").test_connection()
    assert not good
    assert message in text
