"""Reports of runs without a finished downtime: rehearsals, restores, rollbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.forecast import Forecast
from migration_ops.migration.report_page import Facts, build_report
from migration_ops.migration.report_page.storing import read_report
from migration_ops.migration.target import adapted_report, load_adapted
from migration_ops.migration.upkeep import PREPARED
from migration_ops.migration.vault_records import captured_objects, get_restore_point

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.report_page import RunReport
    from migration_ops.vault import Repository

ROLLBACK = "rollback"
"""The kind of report whose volumes are the cutover's: it restored none itself."""


def report_restored(
    plan: Plan,
    repository: Repository,
    *,
    kind: str,
    run: str,
    events: Sequence[Event],
    adapted: str,
    restored: Sequence[Mapping[str, Any]],
    clusters: tuple[str, str],
) -> RunReport:
    """Put together what such a run left in journal and vault.

    :param plan: as it holds where it was restored to.
    :param kind: `rehearsal`, `restore` or `rollback`.
    :param run: the run as a label value.
    :param adapted: snapshot of the adapted objects; empty if it didn't get there.
    :param restored: what restoring each volume returned.
    :param clusters: names of source and target.
    """
    point_id = next((str(one.data["point"]) for one in events if one.data.get("point")), "")
    point = get_restore_point(repository, plan.name, point_id) if point_id else None
    objects: list[dict[str, Any]] = []
    if point:
        objects = captured_objects(repository, point)
        there = {(one.get("namespace"), one.get("claim")) for one in restored}
        volumes = [one for one in point.volumes if (plan.target_namespace(one.namespace), one.claim) in there]
        point = point if kind == ROLLBACK else point.model_copy(update={"volumes": volumes})
    forecasts = [one.data["forecast"] for one in events if one.name == PREPARED and one.data.get("forecast")]
    facts = Facts(
        source=clusters[0],
        target=clusters[1],
        events=events,
        point=point,
        restored=restored,
        transformation=adapted_report(repository, adapted) if adapted else None,
        forecast=Forecast.model_validate(forecasts[-1]) if forecasts else None,
        objects=[*objects, *(load_adapted(repository, adapted) if adapted else [])],
    )
    return build_report(plan, kind, run, facts)


def as_rollback_of(report: RunReport, repository: Repository, own: str) -> RunReport:
    """The report of a rollback, which goes on with what the cutover's own says of volumes and forecast.

    A rollback that is a run of its own has a report of its own: the cutover's stays where it is.

    :param report: what the cutover's journal says after it.
    :param own: the run that rolled it back, as a label value.
    """
    kind = ROLLBACK if own != report.run else "cutover"
    told = report.model_copy(update={"run": own, "kind": kind})
    try:
        before = read_report(repository, report.plan, report.run)
    except (MigrationError, ValueError):  # it didn't come to one, or another version wrote it
        return told
    kept = ("point", "volumes", "resources", "verification", "forecast", "comparison", "addresses")
    update: dict[str, Any] = {name: getattr(before, name) for name in kept}
    update["findings"] = [*(one for one in report.findings if one not in before.findings), *before.findings]
    return told.model_copy(update=update)
