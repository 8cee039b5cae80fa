"""What all steps share: the plan, the connections it names, the run's identity, what is worth a retry."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision
from airflow.sdk.exceptions import AirflowNotFoundException

from migration_ops.migration import Plan
from migration_ops.mover import run_key
from migration_ops.operators.decision import (
    ATTEMPTS,
    TRIES,
    AskedToRetryError,
    guard,
    is_hopeless,
    is_refusal,
    note,
    take_answer,
    tries_since_answer,
)
from migration_ops.operators.links import RunLink
from migration_ops.operators.run_params import as_this_run_wants

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from migration_ops.cluster import Cluster
    from migration_ops.hooks.cluster import ClusterHook
    from migration_ops.hooks.vault import VaultHook
    from migration_ops.migration.journal import Journal
    from migration_ops.migration.recovery import Answer
    from migration_ops.vault import Repository


_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = timedelta(seconds=3), 3, timedelta(minutes=1)


class RetryUnlessHopeless(RetryPolicy):
    """Fails a task at once when its error says that trying again can't help.

    Every package's errors carry `retryable`; errors of others are retried as Airflow is told to.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Look at the error's own word; an error in a program or a value stays one."""
        if isinstance(exception, AskedToRetryError):
            return RetryDecision.retry(timedelta(seconds=1), str(exception))
        asks = max_tries >= TRIES
        if is_hopeless(exception) and not (asks and is_refusal(exception)):
            return RetryDecision.fail(f"{type(exception).__name__} doesn't go away by itself")
        if asks and context is not None:
            # Airflow's own pauses grow with all tries, those before the last answer included. Together they
            # are longer than a node or a server takes to come back: nobody is asked about what passes.
            tries = min(tries_since_answer(context), ATTEMPTS)
            pause = min(_FIRST_PAUSE * _GROWTH ** (tries - 1), _LONGEST_PAUSE)
            return RetryDecision.retry(pause, type(exception).__name__)
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Nothing but the class."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryUnlessHopeless:
        """Nothing but the class."""
        return cls()


class MigrationOperator(BaseOperator):
    """One step of a plan's runbook.

    :param plan: the plan as `Plan.document()` gives it; plain data, since Airflow keeps it with the DAG.
    :param answers: what people may answer when the step fails for good; without any it simply fails.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (RunLink(),)

    def __init__(self, *, plan: dict[str, Any], answers: Sequence[Answer] = (), **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RetryUnlessHopeless())
        if answers:
            kwargs.setdefault("retries", TRIES)
        super().__init__(**kwargs)
        self.plan = plan
        self.answers = tuple(answers)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a wait; what fails then is treated as a failure of `execute` is."""
        if next_method == "decided":
            return super().resume_execution(next_method, next_kwargs, context)
        go_on = super().resume_execution
        return guard(self, context, lambda: go_on(next_method, next_kwargs, context))

    def decided(self, context: Context, event: dict[str, Any]) -> Any:
        """Do what was answered to the question that a failure raised."""
        take_answer(self, context, event)

    @cached_property
    def the_plan(self) -> Plan:
        """The plan, validated, with what was said when the run was started."""
        return as_this_run_wants(Plan.model_validate(self.plan), is_first=not self.upstream_task_ids)

    @property
    def target_conn_id(self) -> str:
        """Connection of the target.

        :raises ValueError: if the plan has no target.
        """
        if self.the_plan.target is None:
            raise ValueError(f"plan {self.the_plan.name} has no target; name one to restore or to cut over")
        return self.the_plan.target.conn_id

    @cached_property
    def source_hook(self) -> ClusterHook:
        """Hook of the source."""
        from migration_ops.hooks.cluster import ClusterHook

        return ClusterHook(self.the_plan.source.conn_id)

    @cached_property
    def target_hook(self) -> ClusterHook:
        """Hook of the target."""
        from migration_ops.hooks.cluster import ClusterHook

        return ClusterHook(self.target_conn_id)

    @property
    def source(self) -> Cluster:
        """The cluster that the applications leave."""
        return self.source_hook.cluster

    @property
    def target(self) -> Cluster:
        """The cluster that the applications move to."""
        return self.target_hook.cluster

    @cached_property
    def vault_hook(self) -> VaultHook:
        """Hook of the vault."""
        from migration_ops.hooks.vault import VaultHook

        return VaultHook(self.the_plan.vault.conn_id)

    @cached_property
    def repository(self) -> Repository:
        """The vault's repository, opened."""
        return self.vault_hook.get_conn()

    @cached_property
    def journal(self) -> Journal:
        """The plan's journal in the vault.

        It doesn't need the source: after a disaster there may be neither cluster nor connection any more.
        """
        from migration_ops.migration.journal import Journal

        try:
            host = self.source_hook.cluster_name
        except AirflowNotFoundException:
            host = self.the_plan.source.conn_id
        return Journal(self.repository, self.the_plan.name, host)

    def cutover_run(self, context: Context) -> str:
        """The run whose journal the step writes; a rollback by hand works on that of an earlier one."""
        return self.run_key(context)

    def refuse_disturbed(self, context: Context, stopped: Sequence[Sequence[str]] | None) -> None:
        """Stop if what a cutover stopped in the source runs again; a source that is gone is only told.

        :param stopped: namespace and name of the source's volumes; None where nothing was stopped.
        :raises DisturbedError: naming what runs, or who resumed the source.
        """
        from migration_ops.cluster import Cluster
        from migration_ops.migration import stillness
        from migration_ops.migration.events import SOURCE_SILENT
        from migration_ops.migration.stop_record import refuse_resumed

        if stopped is None:
            return
        refuse_resumed(self.journal, self.run_key(context))
        hook, patience = self.source_hook, stillness.SAVED_PATIENCE_SECONDS
        source = Cluster(hook.api_client, hook.cluster_name, retry_seconds=patience)
        claims = [(one[0], one[1]) for one in stopped]
        if why := stillness.refuse_disturbed_once_saved(self.the_plan, source, claims):
            self.log.warning("%s", stillness.silence_text(source.name, why))
            note(self, context, SOURCE_SILENT, {"step": self.task_id, "reason": why})

    def run_key(self, context: Context) -> str:
        """The run's identity, as objects made by it are labelled."""
        run = context["dag_run"]
        return run_key(run.dag_id, run.run_id)


def refuse_when_cleared_late(step: MigrationOperator, context: Context) -> None:
    """Stop a step of a cutover that fills claims if it is done once more after the migration's end.

    The first try isn't looked at: a cutover begins only while the migration isn't finished.

    :raises FinishedError: if it is.
    """
    from migration_ops.migration.aftermath import refuse_when_finished
    from migration_ops.migration.retention import STOPS_AND_ENDS

    if int(context["ti"].try_number) > 1:
        events = step.journal.events(names=STOPS_AND_ENDS)
        refuse_when_finished(step.the_plan, events, remedy="Nothing is filled: leave this task as it is")


def remember(context: Context, key: str, value: Any) -> None:
    """Write something to the task's state store, where it can be read while the task runs.

    Only for people and pages to look at: no step depends on what is found there.
    """
    store = context.get("task_state_store")
    if store is not None:
        store.set(key, value)


def movers_result(value: Any) -> Any:
    """What a mover's task returned.

    Airflow 3.3.2 hands on as JSON text what a trigger gave as a task's result, and as it was what an operator
    did.
    """
    return json.loads(value) if isinstance(value, str) else value


def movers_results(values: Any) -> list[Any]:
    """What the tasks of a mapped mover returned; nothing if there was none to run."""
    return [movers_result(value) for value in values or []]
