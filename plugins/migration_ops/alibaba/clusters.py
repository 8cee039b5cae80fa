"""Clusters of the Container Service: found or made, their state, agent, nodes and components."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migration_ops.alibaba.container_service import ContainerService
from migration_ops.alibaba.errors import AlibabaError, ClusterFailedError, ClusterMissingError

REGISTERED = "ExternalKubernetes"
"""A cluster that is elsewhere, and that an agent connects to ACK One."""

MANAGED = "ManagedKubernetes"
PAGE = 50
_PAGES = 40
_LOST = frozenset({"failed", "deleting", "deleted", "delete_failed", "removing", "stopped"})


@dataclass(frozen=True, slots=True)
class AckCluster:
    """A cluster as the service knows it.

    :param id: for example ``c82e6987e2961451182edacd74faf****``.
    :param name: not unique in an account.
    :param kind: ``ExternalKubernetes`` (registered), ``ManagedKubernetes``, …
    :param state: ``initial``, ``waiting`` (for a registered cluster's agent), ``running``, …
    :param version: of Kubernetes; empty while unknown.
    """

    id: str
    name: str
    kind: str
    state: str
    version: str = ""

    @property
    def registered(self) -> bool:
        """Whether it is elsewhere, connected by an agent."""
        return self.kind == REGISTERED

    @property
    def awaits_agent(self) -> bool:
        """Whether its agent has to be applied, for the first time or again."""
        return self.registered and self.state in {"waiting", "disconnected"}

    def is_running(self) -> bool:
        """Tell whether it can be used.

        :raises ClusterFailedError: when it won't be without somebody's help.
        """
        if self.state in _LOST:
            raise ClusterFailedError(
                f"cluster {self.name} ({self.id}) is {self.state}: look at its events in the Container "
                "Service console, and delete or mend it"
            )
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class Nodes:
    """A cluster's nodes over all of its pools.

    :param total: how many there are.
    :param healthy: how many of them can be used.
    """

    total: int
    healthy: int


@dataclass(frozen=True, slots=True)
class Component:
    """An installed component, e.g. ``csi-plugin``; it works if its state is ``active``."""

    name: str
    version: str
    state: str


def find_cluster(service: ContainerService, name_or_id: str) -> AckCluster | None:
    """Return a cluster of the access key's region, or ``None``.

    :param service: the API.
    :param name_or_id: either; names are compared as a whole, the API itself looks for parts.
    :raises ClusterMissingError: when several clusters have the name.
    """
    found: dict[str, AckCluster] = {}
    for field in ("name", "cluster_id"):
        for number in range(1, _PAGES + 1):
            page = service.call(
                "describe_clusters_v1",
                what=f"look for cluster {name_or_id}",
                region_id=service.access.region,
                page_size=PAGE,
                page_number=number,
                **{field: name_or_id},
            ).get("clusters")
            for item in page or []:
                one = _cluster(item)
                if name_or_id in {one.id, one.name} and one.state != "deleted":
                    found[one.id] = one
            if len(page or []) < PAGE:
                break
        if found:
            break
    if len(found) > 1:
        raise ClusterMissingError(
            f"{len(found)} clusters in {service.access.region} are called {name_or_id}: "
            f"give the ID, one of {', '.join(sorted(found))}"
        )
    return next(iter(found.values()), None)


def create_cluster(
    service: ContainerService, name: str, settings: Mapping[str, Any], *, occasion: str
) -> tuple[str, str]:
    """Ask for a new cluster; returns its ID and the task that makes it.

    :param service: the API.
    :param name: what to call it.
    :param settings: fields of CreateCluster, as the console's "Equivalent code" shows them; a registered
        cluster is made unless they say otherwise.
    :param occasion: what stays the same when the request is repeated, e.g. the run: makes no second cluster.
    :raises AlibabaError: when the settings are refused.
    """
    token = hashlib.sha256(f"{service.access.region}/{name}/{occasion}".encode()).hexdigest()[:40]
    fixed = {"name": name, "region_id": service.access.region, "client_token": token}
    fields = {"cluster_type": REGISTERED, **settings, **fixed}
    answer = service.call("create_cluster", what=f"make cluster {name}", **fields)
    if not answer.get("cluster_id"):
        raise AlibabaError(f"make cluster {name} in {service.access.region}: the API gave no cluster ID")
    return str(answer["cluster_id"]), str(answer.get("task_id") or "")


def task_error(service: ContainerService, task_id: str) -> str | None:
    """Return why a task of the service failed, or ``None`` while it runs and when it succeeded.

    :param service: the API.
    :param task_id: of `create_cluster`.
    """
    answer = service.call("describe_task_info", task_id, what=f"look at task {task_id}")
    if str(answer.get("state")).lower() not in {"fail", "failed", "cancelled"}:
        return None
    error = answer.get("error") or {}
    return f"{error.get('code', '')} {error.get('message', '')}".strip() or "no reason was given"


def agent_manifest(service: ContainerService, cluster: AckCluster, *, internal: bool) -> str:
    """Return the YAML of a registered cluster's agent. It holds credentials: never log it.

    :param service: the API.
    :param cluster: the registered cluster.
    :param internal: whether the agent shall connect over the VPC (CEN, VPN, Express Connect) instead of the
        Internet.
    :raises AlibabaError: when there is none yet.
    """
    answer = service.call(
        "describe_external_agent",
        cluster.id,
        what=f"get the agent of cluster {cluster.name} ({cluster.id})",
        PrivateIpAddress="true" if internal else "false",
    )
    manifest = answer.get("config")
    if not manifest:
        raise AlibabaError(f"cluster {cluster.name} ({cluster.id}) has no agent manifest; is it registered?")
    return str(manifest)


def nodes(service: ContainerService, cluster: AckCluster) -> Nodes:
    """Count a managed cluster's nodes.

    :param service: the API.
    :param cluster: the cluster.
    """
    what = f"list the node pools of cluster {cluster.name} ({cluster.id})"
    pools = service.call("describe_cluster_node_pools", cluster.id, what=what).get("nodepools") or []
    states = [pool.get("status") or {} for pool in pools]
    return Nodes(
        sum(int(one.get("total_nodes") or 0) for one in states),
        sum(int(one.get("healthy_nodes") or 0) for one in states),
    )


def components(service: ContainerService, cluster: AckCluster) -> dict[str, Component]:
    """Return the installed components by name.

    :param service: the API.
    :param cluster: the cluster.
    """
    what = f"list the components of cluster {cluster.name} ({cluster.id})"
    found = service.call("list_cluster_addon_instances", cluster.id, what=what).get("addons") or []
    return {
        str(one["name"]): Component(str(one["name"]), str(one.get("version", "")), str(one.get("state", "")))
        for one in found
    }


def _cluster(item: Mapping[str, Any]) -> AckCluster:
    return AckCluster(
        id=str(item.get("cluster_id", "")),
        name=str(item.get("name", "")),
        kind=str(item.get("cluster_type", "")),
        state=str(item.get("state", "")).lower(),
        version=str(item.get("current_version") or item.get("init_version") or ""),
    )
