"""Reports of runs without a finished downtime: rehearsals, restores, rollbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.migration.report_page import Facts, build_report
from migration_ops.migration.target import adapted_report, load_adapted
from migration_ops.migration.vault_records import captured_objects, get_restore_point

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.report_page import RunReport
    from migration_ops.vault import Repository


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
        point = point.model_copy(update={"volumes": volumes})
    facts = Facts(
        source=clusters[0],
        target=clusters[1],
        events=events,
        point=point,
        restored=restored,
        transformation=adapted_report(repository, adapted) if adapted else None,
        objects=[*objects, *(load_adapted(repository, adapted) if adapted else [])],
    )
    return build_report(plan, kind, run, facts)
