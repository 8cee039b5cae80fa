"""A registered cluster's agent is applied to a real cluster; Alibaba's API is the fake of the unit tests."""

from __future__ import annotations

import base64
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migration_ops.alibaba import Access, ContainerService, find_cluster
from migration_ops.alibaba.settings import AckSettings
from migration_ops.cluster import Cluster
from migration_ops.migration.errors import ReadinessError
from migration_ops.migration.registration import apply_agent, managed_lines
from tests.lab.foreign import AnyCluster

pytestmark = pytest.mark.lab

FAKE = Path(__file__).parents[2] / "unit" / "alibaba" / "fake_container_service.py"


@pytest.fixture
def fake() -> Any:
    """The module of the fake API."""
    spec = importlib.util.spec_from_file_location("fake_container_service", FAKE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def direct(source: AnyCluster) -> Iterator[Cluster]:
    """The source, reached without ACK One."""
    cluster = Cluster.from_kubeconfig(source.kubeconfig, name="source")
    yield cluster
    cluster.request("DELETE", "/api/v1/namespaces/ack-agent")
    cluster.close()


def test_the_agent_of_a_registered_cluster_is_applied_and_may_be_applied_again(
    fake: Any, direct: Cluster
) -> None:
    with fake.serving() as api:
        api.add("shop-source", "ExternalKubernetes", "waiting")
        service = ContainerService(Access(fake.KEY_ID, fake.KEY_SECRET, fake.REGION, endpoint=api.address))
        registered = find_cluster(service, "shop-source")
        assert registered is not None
        assert apply_agent(service, registered, direct, internal=True) == 2
        assert apply_agent(service, registered, direct, internal=True) == 2
    secret = direct.get("/api/v1/namespaces/ack-agent/secrets/ack-credential")
    assert base64.b64decode(secret["data"]["token"]) == b"agent-token-true"


def test_a_target_without_nodes_or_components_is_refused_with_all_that_it_lacks(fake: Any) -> None:
    with fake.serving() as api:
        api.add("prod")
        api.addons = [{"name": "csi-plugin", "version": "v1", "state": "active"}]
        service = ContainerService(Access(fake.KEY_ID, fake.KEY_SECRET, fake.REGION, endpoint=api.address))
        settings = AckSettings(service.access, "prod", components=("csi-plugin", "csi-provisioner"))
        target = find_cluster(service, "prod")
        assert target is not None
        with pytest.raises(
            ReadinessError, match=r"no node is healthy: (?s:.*)csi-provisioner is not installed"
        ):
            managed_lines(service, target, settings)
        api.pools = [{"status": {"total_nodes": 2, "healthy_nodes": 2}}]
        api.addons.append({"name": "csi-provisioner", "version": "v1", "state": "active"})
        assert managed_lines(service, target, settings)[1] == "2 of 2 nodes are healthy"
