"""The plan of one restore: into the plan's target, another cluster, or back into the source itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.plan import Plan
from migration_ops.migration.plan_sections import Source, Target, Transform
from migration_ops.migration.plan_verify import Probe

if TYPE_CHECKING:
    from migration_ops.migration.restore_point import RestorePoint

Existing = Literal["skip", "update", "recreate", "fail"]


def restore_plan(
    plan: Plan,
    namespaces: Iterable[str],
    *,
    conn_id: str = "",
    existing: Existing | None = None,
    take_over_claims: bool = False,
    rename: Mapping[str, str] | None = None,
) -> Plan:
    """The plan as it holds for one restore.

    Back in the source nothing is adapted and namespaces keep their names: what was comes back as it was.

    :param namespaces: of the restore point.
    :param conn_id: connection of the cluster; the plan's target if it is empty.
    :param existing: what happens to objects of others; as the plan says if it is left out.
    :param take_over_claims: replace also the data of claims that the plan didn't make.
    :param rename: source to target namespace, instead of the plan's.
    :raises RestorePointError: if there is no cluster to restore to, or two namespaces would become one.
    """
    target = plan.target.model_copy(update={"conn_id": conn_id}) if plan.target and conn_id else plan.target
    target = target or (Target(conn_id=conn_id) if conn_id else None)
    if target is None:
        raise RestorePointError(
            f"plan {plan.name} has no target: name the connection of the cluster to restore to"
        )
    home = target.conn_id == plan.source.conn_id
    namespaces, renamed = list(namespaces), dict(rename or {})
    if unknown := sorted(renamed.keys() - set(namespaces)):
        raise RestorePointError(
            f"rename: {', '.join(unknown)} is no namespace of the restore point, which holds "
            f"{', '.join(sorted(namespaces)) or 'none'}"
        )
    mapping = {name: renamed.get(name, name if home else plan.target_namespace(name)) for name in namespaces}
    if len(set(mapping.values())) < len(mapping):
        raise RestorePointError(f"two namespaces would become one ({mapping}): give each another name")
    moved = {plan.target_namespace(name): there for name, there in mapping.items()}
    changes = {
        "target": target.model_copy(update={"version": None}) if conn_id else target,
        "namespaces": mapping,
        "verify": plan.verify.model_copy(
            update={"probes": [moved_probe(one, moved) for one in plan.verify.probes]}
        ),
    }
    if home:
        changes["transform"] = Transform(rules=["api-versions"])
        changes["source"] = Source(conn_id=plan.source.conn_id, provider=None)
    policies = existing or plan.restore.existing
    if take_over_claims:
        rest: dict[str, Existing] = {"*": policies} if isinstance(policies, str) else policies
        policies = {**rest, "PersistentVolumeClaim": "update"}
    changes["restore"] = plan.restore.model_copy(update={"existing": policies})
    return plan.model_copy(update=changes)


def namespaces_of(point: RestorePoint, objects: Iterable[Mapping[str, object]]) -> list[str]:
    """The namespaces of a restore point.

    :param objects: as captured.
    """
    found = {volume.namespace for volume in point.volumes}
    for item in objects:
        metadata = item["metadata"]
        if isinstance(metadata, dict):
            named = metadata["name"] if item["kind"] == "Namespace" else metadata.get("namespace")
            found.add(str(named or ""))
    return sorted(found - {""})


def moved_probe(probe: Probe, namespaces: Mapping[str, str]) -> Probe:
    """The probe, asking in another namespace.

    :param namespaces: from the plan's namespace of the target to the one that stands for it.
    """
    question = probe.http or probe.exec
    if question is None or question.namespace is None:
        return probe
    moved = question.model_copy(update={"namespace": namespaces.get(question.namespace, question.namespace)})
    return probe.model_copy(update={"http" if probe.http else "exec": moved})
