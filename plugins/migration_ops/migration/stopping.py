"""Stopping the source, and taking that back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from migration_ops.cluster import (
    QuiesceRecord,
    RollbackResult,
    capture,
    find_quiesced,
    foresee_quiesce,
    quiesce,
    resume,
    roll_back,
)
from migration_ops.migration.adaptation import selection
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.events import HOOKS_BEGUN, RESUMED
from migration_ops.migration.journal import QUIESCE_BEGUN
from migration_ops.migration.plan_hooks import put_back, run_hooks
from migration_ops.migration.recovery import serves_since
from migration_ops.migration.stop_record import last_stop
from migration_ops.migration.volumes import FINAL_ACTION

if TYPE_CHECKING:
    from datetime import datetime

    from kubernetes.client import ApiClient

    from migration_ops.cluster import Capture, Claim, Cluster, ResumeResult
    from migration_ops.migration.journal import Journal
    from migration_ops.migration.plan import Plan


def stop_source(
    plan: Plan,
    source: Cluster,
    api_client: ApiClient,
    run: str,
    *,
    on_record: Callable[[QuiesceRecord], None],
    say: Callable[[str], None],
    on_hooks: Callable[[], None] | None = None,
    begun: bool = False,
) -> tuple[QuiesceRecord, list[Claim]]:
    """Stop the workloads of the plan's namespaces, wave by wave, with the plan's hooks around it.

    What comes along from other namespaces, such as the Service of a webhook, is left running there. Returns,
    with the claims that they mounted, when no pod holds a volume of theirs any more.

    :param api_client: a client of the same cluster, for hooks.
    :param on_record: called with what will be stopped and what it is, before the first stop: store it.
    :param say: told of each hook and wave.
    :param on_hooks: called before the first hook, if there is any: the application may be down from then on.
    :param begun: an earlier try came as far as `on_record`: the hooks before the stop aren't run again, as
        what they ask may be stopped. Notes on objects tell the same.
    :raises MigrationError: if a hook fails.
    :raises ClusterError: if something can't be stopped in time; what was stopped can be resumed.
    """
    chosen = selection(plan)
    found = capture(source, chosen)
    namespaces = namespaces_to_stop(plan, found)
    hooked = any(hook.before == "quiesce" for hook in plan.quiesce.hooks)
    if hooked and (begun or find_quiesced(source, plan.name)):
        say("hooks before quiesce: run by an earlier try")
    elif hooked:
        if on_hooks:
            on_hooks()
        run_hooks(plan, source, api_client, place="before", step="quiesce", namespaces=namespaces, say=say)
    record = quiesce(
        source,
        namespaces,
        plan=plan.name,
        run=run,
        claims=found.claims,
        waves=plan.quiesce.waves,
        selection=chosen,
        timeout=plan.quiesce.timeout.total_seconds(),
        disruption_budgets=plan.quiesce.disruption_budgets,
        on_record=on_record,
        on_wave=lambda number, objects: say(f"wave {number} is stopped: {', '.join(objects)}"),
    )
    run_hooks(plan, source, api_client, place="after", step="quiesce", namespaces=namespaces, say=say)
    return record, found.claims


def namespaces_to_stop(plan: Plan, found: Capture) -> list[str]:
    """The namespaces of which the plan moves something, without those from which only something comes along.

    :param found: what the source holds of the plan.
    """
    chosen = selection(plan)
    held = {str(one.manifest["metadata"].get("namespace") or "") for one in found.objects} - {""}
    return sorted(name for name in held if chosen.takes_namespace(name))


def foresee_stop(plan: Plan, source: Cluster, found: Capture, run: str) -> QuiesceRecord:
    """What `stop_source` would stop if it began now.

    :param found: what the source holds of the plan.
    :raises ClusterError: if something stands against it.
    """
    return foresee_quiesce(
        source,
        namespaces_to_stop(plan, found),
        plan=plan.name,
        run=run,
        claims=found.claims,
        waves=plan.quiesce.waves,
        selection=selection(plan),
    )


def resume_source(
    plan: Plan,
    source: Cluster,
    api_client: ApiClient,
    *,
    journal: Journal | None = None,
    again: bool = False,
    say: Callable[[str], None],
) -> ResumeResult:
    """Bring quiesced workloads back to what they were, and wait until they are ready.

    :param api_client: a client of the same cluster, for hooks.
    :param journal: gives back what objects were that lost their annotations, unless it says that the source
        was resumed since: what stands still then was stopped by somebody else.
    :param again: believe the journal all the same.
    :param say: told of each hook and wave.
    :raises MigrationError: if something could not be brought back; names it with what is known of it.
    """
    stop = last_stop(journal) if journal else None
    record = stop.record if stop and (again or not stop.resumed) else None
    if stop and stop.resumed and not again:
        say(
            f"what run {stop.run} stopped was resumed at {stop.resumed:%Y-%m-%d %H:%M:%S} UTC: only what "
            "carries a note of its own is started"
        )
    namespaces = list(stop.record.namespaces) if stop else selection(plan).literal_namespaces() or []
    run_hooks(plan, source, api_client, place="before", step="resume", namespaces=namespaces, say=say)
    put_back(plan, source, say)  # before the start, if it can be: what refuses it may be stopped itself
    # What still holds the volumes may keep a workload off another node.
    away = _take_movers_away(plan, api_client, say)
    result = resume(
        source,
        plan.name,
        record=record,
        timeout=plan.restore.ready_timeout.total_seconds(),
        on_wave=lambda number, objects: say(f"wave {number} is started: {', '.join(objects)}"),
    )
    for reference in result.gone:
        say(f"{reference} was deleted since it was stopped")
    if not away:
        _take_movers_away(plan, api_client, say)
    left = put_back(plan, source, say, patiently=True)
    if result.complete:
        run_hooks(plan, source, api_client, place="after", step="resume", namespaces=namespaces, say=say)
    if left or not result.complete:
        raise MigrationError(
            f"resumed {len(result.resumed)} objects of {source.name}, but not all is as it was:\n"
            + "\n".join((*result.problems, *result.not_ready, *left))
        )
    return result


def _take_movers_away(plan: Plan, api_client: ApiClient, say: Callable[[str], None]) -> bool:
    """Delete what still saves the source's volumes; the source is started even if that is refused."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    from migration_ops.mover import MoverError
    from migration_ops.mover.submission import dismiss

    try:
        for mover in dismiss(api_client, plan.name, FINAL_ACTION):
            say(f"took away mover {mover}")
    except (ApiException, HTTPError, MoverError, OSError) as error:
        reason = f"{error.status} {error.reason}" if isinstance(error, ApiException) else str(error)
        say(f"movers that may still hold volumes couldn't be taken away: {reason}")
        return False
    return True


def note_resumed(journal: Journal, workloads: Sequence[str], *, began: datetime, by: str) -> str | None:
    """Write into the journal of the last cutover that its source runs again; returns that run.

    Without this word backups would wait, and nothing be forgotten, for a cutover that nobody goes on with.
    Nothing is written if no run of the journal stopped the source.

    :param workloads: references of what was started.
    :param by: who or what did it.
    """
    stopped = journal.last(QUIESCE_BEGUN)
    if stopped is None:
        return None
    journal.write(stopped.run, RESUMED, began=began, data={"workloads": list(workloads), "by": by})
    return stopped.run


def undo_run(
    plan: Plan, target: Cluster, run: str, say: Callable[[str], None], *, keep_claims: bool = False
) -> RollbackResult:
    """Delete what a run made in the target and put back what it changed there.

    :param say: told of each object.
    :param keep_claims: leave claims and their namespaces, so that nothing has to be staged anew.
    :raises MigrationError: if something could not be undone; what was undone stays so.
    """
    result = roll_back(
        target,
        plan=plan.name,
        run=run,
        keep_claims=keep_claims,
        on_object=lambda reference, action: say(f"{action}: {reference}"),
    )
    for reference, reason in result.kept:
        say(f"kept: {reference} ({reason})")
    for reference in result.copies:
        say(f"left: {reference} (it carries the run's labels, but somebody else made it)")
    if result.problems:
        raise MigrationError(f"not all of run {run} could be undone:\n" + "\n".join(result.problems))
    return result


@dataclass(frozen=True)
class ChosenRun:
    """The cutover that is to be rolled back."""

    plan: str
    run: str
    happened: list[str]
    serves_since: datetime | None = None

    def markdown(self) -> str:
        """The text of the approval."""
        lost = (
            f"**The application has served in the target since {self.serves_since:%Y-%m-%d %H:%M:%S} UTC: "
            "what was written there since then is lost.**\n\n"
            if self.serves_since
            else ""
        )
        return (
            f"Rolls back cutover `{self.run}` of **{self.plan}**: what it made in the target is deleted, the "
            "source is started again. Claims that were staged before it stay there, and are named."
            f"\n\n{lost}It came as far as: {', '.join(self.happened)}."
        )


def choose_run(plan: Plan, journal: Journal, run: str | None) -> ChosenRun:
    """The cutover of that run, or the last one that began to stop the source, if only by a hook.

    :raises MigrationError: if there is none.
    """
    begun = [event for name in (HOOKS_BEGUN, QUIESCE_BEGUN) for event in journal.events(run, name)]
    if not begun:
        which = f"run {run}" if run else "no run"
        raise MigrationError(
            f"by the journal of plan {plan.name} {which} stopped the source: there is nothing to roll back"
        )
    chosen = max(begun, key=lambda event: event.ended).run
    events = journal.events(chosen)
    return ChosenRun(plan.name, chosen, [event.name for event in events], serves_since(events))
