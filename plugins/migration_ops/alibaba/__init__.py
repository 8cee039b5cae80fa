"""Alibaba Cloud's Container Service: registered and managed clusters, their kubeconfigs and components.

Speaks the API (version 2015-12-15) through Alibaba's own SDK, which signs the requests. The SDK is part of
the extra `alibaba` and is imported when the first request is made. Knows neither Kubernetes nor Airflow.
"""

from migration_ops.alibaba.access import Access
from migration_ops.alibaba.clusters import (
    AckCluster,
    Component,
    Nodes,
    agent_manifest,
    components,
    create_cluster,
    find_cluster,
    nodes,
    task_error,
)
from migration_ops.alibaba.container_service import ContainerService
from migration_ops.alibaba.errors import (
    AccessRefusedError,
    AlibabaError,
    ClusterFailedError,
    ClusterMissingError,
    ServiceBusyError,
)
from migration_ops.alibaba.kubeconfig import TemporaryKubeconfig, current_kubeconfig

__all__ = [
    "Access",
    "AccessRefusedError",
    "AckCluster",
    "AlibabaError",
    "ClusterFailedError",
    "ClusterMissingError",
    "Component",
    "ContainerService",
    "Nodes",
    "ServiceBusyError",
    "TemporaryKubeconfig",
    "agent_manifest",
    "components",
    "create_cluster",
    "current_kubeconfig",
    "find_cluster",
    "nodes",
    "task_error",
]
