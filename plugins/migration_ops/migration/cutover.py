"""What a cutover would do, found out before anybody is asked to approve it; and what it did, afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import Cluster, NotFound, ObjectReference, discovery
from migration_ops.migration.aftermath import refuse_when_finished
from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.forecast import Forecast, Lanes, make_forecast, outlook, read_history
from migration_ops.migration.readiness_report import (
    ReadinessFinding,
    ReadinessReport,
    gather,
    last_probed,
    look_patiently,
    readiness_report,
)
from migration_ops.migration.report_page import Facts, RunReport, build_report
from migration_ops.migration.restore_point import RestorePoint
from migration_ops.migration.retention import STOPS_AND_ENDS
from migration_ops.migration.stop_text import stop_text
from migration_ops.migration.switchover import address_changes
from migration_ops.migration.target import adapted_report, load_adapted
from migration_ops.migration.upkeep import PREPARED
from migration_ops.migration.vault_records import captured_objects, find_restore_points, get_restore_point
from migration_ops.mover import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration_ops.migration.journal import Event, Journal
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.readiness_report import Situation
    from migration_ops.vault import Repository

# Just before the stop, one more increment is made and staged: so much time passes between the two at least.
_FRESHNESS = timedelta(minutes=2)
_MOVE_AGAIN = "Take it back first: the plan's `rollback`, which may keep everything in the target"
_ENTRANCES = frozenset({"Service", "Ingress", "Gateway"})


@dataclass(frozen=True)
class Preparation:
    """What approvers decide by.

    :param latest: the newest restore point of all that the plan selects.
    :param situation: both clusters as they are, and the source's objects as they would be.
    :param stops: what will be stopped, in Markdown.
    """

    plan: Plan
    latest: RestorePoint
    situation: Situation = field(repr=False)
    readiness: ReadinessReport
    forecast: Forecast
    stops: str

    def data(self) -> dict[str, Any]:
        """What the journal keeps of it, to compare with later."""
        return {
            "forecast": self.forecast.model_dump(mode="json"),
            "readiness": [one.model_dump(mode="json") for one in self.readiness.findings],
        }

    def markdown(self) -> str:
        """The text of the approval."""
        at = self.situation
        claims = [
            f"| {claim.namespace}/{claim.name} | {claim.storage_class or '-'} | {claim.capacity} |"
            for claim in at.capture.claims
        ]
        counts = at.capture.counts_by_kind
        rules = (
            f"{sum(counts.values())} objects of {len(counts)} kinds; the rules make "
            f"{len(at.adapted.objects)} of them with {len(at.adapted.changes)} changes and leave "
            f"{len(at.adapted.dropped)} behind."
        )
        newest = (
            f"Newest restore point: `{self.latest.id}`, {size_text(self.latest.total_bytes)} in "
            f"{len(self.latest.volumes)} volumes. One more is made and staged before the stop, so that only "
            "what changes from then on moves while the application is down."
        )
        lines = [f"**{self.plan.name}** moves from {at.source.name} to {at.target.name}.", ""]
        lines += [
            self.forecast.markdown(),
            "",
            newest,
            "",
            "| volume | class | size |",
            "| --- | --- | --- |",
        ]
        lines += [*claims, "", rules, "", self.stops, "", "**Readiness**: " + self.readiness.markdown()]
        return "\n".join(lines)


def prepare(
    plan: Plan, source: Cluster, target: Cluster, repository: Repository, *, journal: Journal, run: str
) -> Preparation:
    """Find out what a cutover would do, without writing anything anywhere.

    Blockers that may pass by themselves are looked at again for a minute.

    :param run: the run as a label value.
    :raises FinishedError: if the migration is finished: the target's claims are the application's by now.
    :raises RestorePointError: if the vault has no restore point: the first copy of all data takes time that
        nobody should wait for in an approved cutover.
    """
    refuse_when_finished(plan, journal.events(names=STOPS_AND_ENDS), remedy=_MOVE_AGAIN)
    points = find_restore_points(repository, plan.name)
    whole = [point for point in points if not point.partial]
    if not whole:
        raise RestorePointError(
            f"the vault has no restore point of all that plan {plan.name} selects: run {plan.name}.backup "
            "first, so that only what changes from then on moves during the cutover"
        )
    latest = whole[-1]
    probed = last_probed(journal)

    def look() -> tuple[Situation, ReadinessReport]:
        seen = gather(plan, source, target, run=run, latest=latest, probes=probed.vault, pulls=probed.pulls)
        return seen, readiness_report(seen)

    situation, readiness = look_patiently(look)
    history = read_history(journal.events(), points)
    claims = [(plan.target_namespace(volume.namespace), volume.claim) for volume in latest.volumes]
    volumes = outlook(latest, history, latest.started + _FRESHNESS, plan.namespaces, staged=claims)
    lanes = Lanes(
        plan.movers.parallelism.source,
        plan.movers.parallelism.target,
        upload=probed.rate("source", "write_seconds"),
        download=probed.rate("target", "read_seconds"),
    )
    return Preparation(
        plan=plan,
        latest=latest,
        situation=situation,
        readiness=readiness,
        forecast=make_forecast(plan.name, history, volumes, lanes),
        stops=stop_text(plan, source, situation.capture, run),
    )


def report_cutover(
    plan: Plan,
    source: Cluster,
    target: Cluster,
    repository: Repository,
    *,
    run: str,
    events: Sequence[Event],
    adapted: str,
    restored: Sequence[dict[str, Any]],
) -> RunReport:
    """Put together what a run left in journal, vault and target.

    :param events: the run's journal.
    :param adapted: snapshot of the adapted objects.
    :param restored: what restoring each volume returned.
    """
    last = {event.name: event for event in events}
    prepared = last[PREPARED].data if PREPARED in last else {}
    final = last["final-delta"].data.get("point") if "final-delta" in last else None
    point = get_restore_point(repository, plan.name, final) if final else None
    captured = captured_objects(repository, point) if point else []
    objects = load_adapted(repository, adapted)
    facts = Facts(
        source=source.name,
        target=target.name,
        events=events,
        point=point,
        restored=restored,
        transformation=adapted_report(repository, adapted),
        readiness=[ReadinessFinding.model_validate(one) for one in prepared.get("readiness", [])],
        forecast=Forecast.model_validate(prepared["forecast"]) if prepared.get("forecast") else None,
        addresses=address_changes(captured, _entrances(target, objects), plan.namespaces),
        objects=[*captured, *objects],
    )
    return build_report(plan, "cutover", run, facts)


def _entrances(target: Cluster, objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The target's Services and Ingresses as they are now, with the addresses that they were given."""
    served = discovery(target)
    found = []
    for item in objects:
        reference = ObjectReference.of(item)
        resource = served.for_object(reference)
        if reference.kind not in _ENTRANCES or resource is None:
            continue
        try:
            live = target.get(resource.path(reference.namespace or None, reference.name))
        except NotFound:
            continue
        found.append(live | {"apiVersion": reference.api_version, "kind": reference.kind})
    return found
