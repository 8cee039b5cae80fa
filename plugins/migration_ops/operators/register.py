"""The steps of `PLAN.register`: clusters of Alibaba Cloud are found or made, connected, and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowSkipException

from migration_ops.hooks.ack import AckHook
from migration_ops.operators.base import MigrationOperator, RetryUnlessHopeless

if TYPE_CHECKING:
    from airflow.sdk import Context


class FindAckClusterOperator(MigrationOperator):
    """Finds one cluster of the plan through Alibaba Cloud's API, or asks for it to be made.

    Skipped where the connection brings a kubeconfig of its own.

    :param conn_id: connection of the cluster.
    """

    def __init__(self, *, conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id

    def execute(self, context: Context) -> dict[str, str]:
        """Find or create; the same run makes no second cluster."""
        from migration_ops.migration.registration import find_or_create

        hook = AckHook(self.conn_id)
        if not hook.is_ack:
            raise AirflowSkipException(f"connection {self.conn_id} brings its own kubeconfig")
        found = find_or_create(hook.service, hook.settings, context["dag_run"].run_id)
        self.log.info("Cluster %s: %s", found.id, "is being made" if found.task else "exists")
        return {"id": found.id, "task": found.task}


class AckStateSensor(BaseSensorOperator):
    """Waits until a cluster can be used, or its agent can be applied; holds no worker slot meanwhile.

    :param conn_id: connection of the cluster.
    :param cluster: what `FindAckClusterOperator` returned.
    :param until: `agent`: made, and waiting for its agent if it is a registered one; `running`.
    """

    template_fields = ("cluster",)

    def __init__(
        self, *, conn_id: str, cluster: dict[str, str], until: Literal["agent", "running"], **kwargs: Any
    ) -> None:
        kwargs = {"mode": "reschedule", "poke_interval": 15, "timeout": 3600, **kwargs}
        kwargs.setdefault("retry_policy", RetryUnlessHopeless())
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.cluster = cluster
        self.until = until

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once.

        :raises ClusterFailedError: if the cluster can't become what is waited for.
        """
        from migration_ops.migration.registration import Registration, look_at

        found = look_at(AckHook(self.conn_id).service, Registration(**self.cluster))
        state = found.state if found else "not listed yet"
        self.log.info("Cluster %s is %s", self.cluster["id"], state)
        enough = found is not None and (found.is_running() or (self.until == "agent" and found.awaits_agent))
        return PokeReturnValue(is_done=enough, xcom_value=state if enough else None)


class ApplyAgentOperator(MigrationOperator):
    """Applies a registered cluster's agent to the cluster itself; skipped where it is connected already.

    :param conn_id: connection of the registered cluster.
    :param cluster: what `FindAckClusterOperator` returned.
    """

    template_fields = ("cluster",)

    def __init__(self, *, conn_id: str, cluster: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.cluster = cluster

    def execute(self, context: Context) -> int:
        """Apply it.

        :raises ReadinessError: if no connection reaches the cluster directly; says how to apply by hand.
        """
        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.migration.errors import ReadinessError
        from migration_ops.migration.registration import Registration, apply_agent, look_at

        hook = AckHook(self.conn_id)
        found = look_at(hook.service, Registration(**self.cluster))
        if found is None or not found.awaits_agent:
            raise AirflowSkipException("the cluster needs no agent")
        if not hook.settings.agent_conn_id:
            raise ReadinessError(
                f"cluster {found.name} ({found.id}) waits for its agent, and connection {self.conn_id} has "
                "no agent_conn_id: name a kubernetes connection that reaches the cluster, or run "
                f"`migration-ops ack agent --region {hook.settings.access.region} --cluster {found.id} "
                "--output agent.yaml`, apply the file there, and clear this task"
            )
        with ClusterHook(hook.settings.agent_conn_id).cluster as source:
            count = apply_agent(hook.service, found, source, internal=hook.settings.internal)
            self.log.info("Applied the agent to %s: %d objects", source.name, count)
        return count


class AckReportOperator(MigrationOperator):
    """Takes a kubeconfig of the cluster, asks its API server for the version, counts nodes and components.

    :param conn_id: connection of the cluster.
    :param cluster: what `FindAckClusterOperator` returned.
    """

    template_fields = ("cluster",)

    def __init__(self, *, conn_id: str, cluster: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.cluster = cluster

    def execute(self, context: Context) -> list[str]:
        """Look at it.

        :raises ReadinessError: if it can't take a migration; says what it lacks.
        """
        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.migration.registration import Registration, look_at, managed_lines

        hook = AckHook(self.conn_id)
        found = look_at(hook.service, Registration(**self.cluster))
        lines = managed_lines(hook.service, found, hook.settings) if found else []
        with ClusterHook(self.conn_id).cluster as reached:
            lines.append(f"{reached.address} answers: Kubernetes {reached.version()}")
        for line in lines:
            self.log.info("%s", line)
        return lines
