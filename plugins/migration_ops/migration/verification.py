"""The proof that nothing was lost: resources as adapted, volumes as saved, an application that answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from migration_ops.cluster import Cluster, NotFound, ObjectReference, apply, discovery, strip_for_apply
from migration_ops.cluster.apply_one import reason_never_to_apply
from migration_ops.cluster.backends import backends_of
from migration_ops.cluster.existing import policy_for
from migration_ops.migration.comparison import differences
from migration_ops.migration.errors import VerificationError
from migration_ops.migration.probes import ProbeResult, run_probe
from migration_ops.migration.reachability import verify_reachability

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from migration_ops.migration.plan import Plan

Manifest = dict[str, Any]
_PLAN_LABEL = "migration-ops.io/plan"
_SIZE = "/spec/resources/requests/storage"


class Verification(BaseModel):
    """What was looked at and what was found to differ.

    :param different: a line each: missing or changed objects, volumes with differences.
    :param explained: objects that aren't as adapted for a reason that the plan gives.
    """

    objects: int
    volumes: int
    bytes: int
    different: list[str] = []
    explained: list[str] = []
    probes: list[ProbeResult] = []

    def lines(self) -> list[str]:
        """What was found, a line each."""
        head = (
            f"{self.objects} objects compared, {self.volumes} volumes read again, {len(self.probes)} probes"
        )
        return [
            head,
            *(f"Explained: {line}" for line in self.explained),
            *(f"{'Passed' if p.passed else 'FAILED'}: {p.probe} ({p.detail})" for p in self.probes),
            *(f"DIFFERENT: {line}" for line in self.different),
        ]

    def raise_for_differences(self) -> None:
        """Stop if anything differs or a probe failed.

        :raises VerificationError: naming all of it.
        """
        wrong = self.different + [f"{one.probe}: {one.detail}" for one in self.probes if not one.passed]
        if wrong:
            raise VerificationError("the target isn't what was moved:\n" + "\n".join(wrong))


def verify_target(
    plan: Plan,
    target: Cluster,
    api_client: ApiClient,
    objects: Sequence[Manifest],
    volumes: Sequence[dict[str, Any]],
    *,
    run: str,
) -> Verification:
    """Compare the target with what was to be there, and ask the application.

    :param objects: the adapted objects.
    :param volumes: what restoring each volume returned; its `summary` counts what a second reading found.
    :param run: the run as a label value; what waited for its backend until now is applied in its name.
    """
    different, explained = verify_resources(plan, target, objects, run)
    different += verify_volumes(volumes)
    unreached, waiting = verify_reachability(target, objects)
    different += unreached
    explained += waiting
    namespaces = sorted(str(item["metadata"]["name"]) for item in objects if item["kind"] == "Namespace")
    namespace = namespaces[0] if namespaces else "default"
    return Verification(
        objects=len(objects),
        volumes=len(volumes),
        bytes=sum(int(volume.get("bytes") or 0) for volume in volumes),
        different=different,
        explained=explained,
        probes=list(
            target.each(lambda probe: run_probe(target, api_client, probe, namespace), plan.verify.probes)
        ),
    )


def verify_resources(
    plan: Plan, target: Cluster, objects: Sequence[Manifest], run: str
) -> tuple[list[str], list[str]]:
    """Read every object and compare it with what was applied.

    Webhooks and API services that had no backend when resources were applied get another chance: their
    workloads are ready by now. Those that still have none are explained.

    :return: what differs, and what differs for a reason that the plan gives.
    """
    served = discovery(target, refresh=True)
    scaled = _scaled_by_autoscalers(objects)
    different: list[str] = []
    explained: list[str] = []

    def read(item: Manifest) -> Manifest | None:
        reference = ObjectReference.of(item)
        resource = served.for_object(reference)
        if resource is None:
            return None
        try:
            found: Manifest = target.get(resource.path(reference.namespace or None, reference.name))
        except NotFound:
            return None
        return found

    wanted = [item for item in objects if reason_never_to_apply(item) is None]
    held = [item for item in wanted if backends_of(item) and read(item) is None]
    late = {}
    if held:
        applied = apply(target, held, plan=plan.name, run=run, existing=plan.restore.existing)
        late = {one.object: one for one in applied}
    for item, live in zip(wanted, target.each(read, wanted), strict=True):
        name = str(ObjectReference.of(item))
        if live is None:
            if name in late and late[name].action == "skipped":
                explained.append(f"{name} was held back: {late[name].message}")
            else:
                different.append(f"{name} is missing")
            continue
        labels = (live.get("metadata") or {}).get("labels") or {}
        if labels.get(_PLAN_LABEL) != plan.name and leaves_existing(plan, item):
            explained.append(f"{name} was there before and the plan says to leave such objects")
            continue
        paths = differences(strip_for_apply(item), live)
        if _identity(item) in scaled and "/spec/replicas" in paths:
            paths.remove("/spec/replicas")
            explained.append(f"{name} is scaled by its autoscaler")
        if item["kind"] == "PersistentVolumeClaim" and _SIZE in paths:
            paths.remove(_SIZE)
            explained.append(f"{name} was staged with another size")
        if paths:
            different.append(f"{name} differs at {', '.join(paths)}")
    return different, explained


def leaves_existing(plan: Plan, item: Manifest) -> bool:
    """Whether the plan says to leave an object of this kind as it is where there is one."""
    return policy_for(ObjectReference.of(item), plan.restore.existing) == "skip"


def verify_volumes(volumes: Sequence[dict[str, Any]]) -> list[str]:
    """Volumes whose second reading differed from their snapshot."""
    found = []
    for volume in volumes:
        summary = volume.get("summary") or {}
        count = int(summary.get("differences") or 0)
        if count:
            found.append(f"volume {volume['namespace']}/{volume['claim']} has {count} differences")
    return found


def _identity(item: Manifest) -> tuple[str, str, str]:
    return item["kind"], str(item["metadata"].get("namespace")), str(item["metadata"]["name"])


def _scaled_by_autoscalers(objects: Sequence[Manifest]) -> set[tuple[str, str, str]]:
    return {
        (
            str(item["spec"]["scaleTargetRef"]["kind"]),
            str(item["metadata"].get("namespace")),
            str(item["spec"]["scaleTargetRef"]["name"]),
        )
        for item in objects
        if item["kind"] == "HorizontalPodAutoscaler"
    }
