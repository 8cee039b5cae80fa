"""Building the target: adapt a restore point's objects, make its claims, apply the rest, open it at the end.

Claims come first and are filled by movers before any workload exists, so that no pod ever starts on an
empty volume.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from migration_ops.cluster import NotFound, ObjectReference, apply, discovery
from migration_ops.cluster.reference import annotations_of
from migration_ops.migration.adaptation import adapt, kept_addresses, kept_finalizers
from migration_ops.migration.errors import ApplyError
from migration_ops.migration.findings import count_by_severity, finding_lines, raise_for_blockers
from migration_ops.migration.staging import mark_staged, staged_snapshots
from migration_ops.migration.switchover import hold_back, release_patch
from migration_ops.migration.switchover.external_dns import HELD
from migration_ops.migration.target_claims import (
    enlarge_claims,
    held_snapshots,
    of_others,
    read_claims,
    refuse_claims_in_use,
)
from migration_ops.migration.vault_records import (
    captured_objects,
    get_restore_point,
    read_document,
    save_documents,
)
from migration_ops.migration.volumes import RestoreTask, restore_tasks

if TYPE_CHECKING:
    from migration_ops.cluster import Capture, Cluster, ObjectResult
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.restore_choice import Choice
    from migration_ops.migration.restore_point import RestorePoint
    from migration_ops.transform import Finding
    from migration_ops.transform.rules import RuleSet
    from migration_ops.vault import Repository

Manifest = dict[str, Any]
Part = Literal["claims", "resources"]
Shape = Callable[[list[Manifest], dict[str, Any]], tuple[list[Manifest], dict[str, Any]]]

_OBJECTS_FILE, _REPORT_FILE = "objects.json", "report.json"
_WORKLOADS = frozenset(
    {
        "Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "ReplicationController", "Pod",
        "Service", "Ingress",
    }
)  # fmt: skip
_WITH_CLAIMS = frozenset(
    {"Namespace", "PersistentVolumeClaim", "LimitRange", "ResourceQuota", "StorageClass"}
)


@dataclass(frozen=True)
class ReadAhead:
    """A restore point that was just made, and what its adaptation needs.

    :param point: as it is in the vault.
    :param capture: its objects.
    :param rule_sets: the plan's.
    """

    point: RestorePoint
    capture: Capture
    rule_sets: Sequence[RuleSet]


@dataclass(frozen=True)
class AdaptedPoint:
    """A restore point's objects as the target will get them.

    :param snapshot: where they lie in the vault, with the rules' report.
    """

    snapshot: str
    point: RestorePoint
    objects: list[Manifest] = field(repr=False)
    findings: list[Finding]
    changes: int

    @property
    def findings_by_severity(self) -> dict[str, int]:
        """Number of findings by severity."""
        return count_by_severity(self.findings)

    def lines(self) -> list[str]:
        """What the rules did, a line each."""
        head = f"{len(self.objects)} objects, {self.changes} changes; in the vault as {self.snapshot[:8]}"
        return [head, *finding_lines(self.findings)]


def adapt_restore_point(
    plan: Plan,
    repository: Repository,
    point_id: str,
    target: Cluster,
    run: str,
    *,
    chosen: Choice | None = None,
    shape: Shape | None = None,
    ahead: ReadAhead | None = None,
) -> AdaptedPoint:
    """Run the rules over a restore point's objects, and keep result and report in the vault.

    Names are held back from ExternalDNS until the migration is finished.

    :param chosen: which part of the point is wanted; all of it if left out.
    :param shape: changes the adapted objects and the rules' report further (rehearsals do).
    :param ahead: what is at hand already and need not be read from the vault.
    :raises BlockerError: if the rules found what people must solve.
    :raises RestorePointError: if nothing in the point is chosen.
    """
    served = discovery(target, refresh=True).api_names()
    if ahead is None:
        point = get_restore_point(repository, plan.name, point_id)
        captured = captured_objects(repository, point, served)
    else:
        point, captured = ahead.point, ahead.capture.manifests(served)
    if chosen is not None:
        point, captured = chosen.of(point, captured)
    result = adapt(
        plan,
        captured,
        target_version=target.version(),
        target_apis=served,
        source_provider=point.cluster.provider,
        rule_sets=ahead.rule_sets if ahead else None,
    )
    raise_for_blockers(result.findings)
    objects, report = hold_back(with_namespaces(result.objects)), result.report()
    if shape is not None:
        objects, report = shape(objects, report)
    tags = [f"plan={plan.name}", f"point={point.id}", "content=adapted", f"run={run}"]
    documents = {_OBJECTS_FILE: objects, _REPORT_FILE: report}
    snapshot = save_documents(repository, documents, tags, point.cluster.name)
    return AdaptedPoint(snapshot, point, objects, result.findings, len(result.changes))


def volumes_to_restore(
    plan: Plan,
    target: Cluster,
    adapted: AdaptedPoint,
    repository: Repository,
    say: Callable[[str], None] = lambda _: None,
) -> list[RestoreTask]:
    """What movers have to do in the target, whose claims exist by now; those that are too small grow.

    :param say: told of claims that are left alone, grow, or can't.
    :raises MigrationError: if a volume has no claim among the adapted objects.
    :raises ClaimInUseError: if the application runs on one of the claims.
    """
    names = [(plan.target_namespace(volume.namespace), volume.claim) for volume in adapted.point.volumes]
    claims = read_claims(target, names)
    left = of_others(plan, claims)
    for name in sorted(left):
        say(f"Claim {'/'.join(name)} is another's and isn't filled (restore.existing doesn't name claims)")
    refuse_claims_in_use(target, set(claims) - left)
    enlarge_claims(plan, target, adapted.objects, claims, say)
    volumes = [
        one for one in adapted.point.volumes if (plan.target_namespace(one.namespace), one.claim) not in left
    ]
    point = adapted.point.model_copy(update={"volumes": volumes})
    return restore_tasks(plan, point, adapted.objects, held_snapshots(repository, claims))


def load_adapted(repository: Repository, snapshot: str) -> list[Manifest]:
    """The adapted objects of a snapshot that `adapt_restore_point` made."""
    objects: list[Manifest] = read_document(repository, snapshot, _OBJECTS_FILE)
    return objects


def adapted_report(repository: Repository, snapshot: str) -> dict[str, Any]:
    """The rules' report beside the adapted objects."""
    report: dict[str, Any] = read_document(repository, snapshot, _REPORT_FILE)
    return report


def with_namespaces(objects: Sequence[Manifest]) -> list[Manifest]:
    """The objects, with a Namespace for each that is used and isn't among them."""
    named = {item["metadata"]["name"] for item in objects if item["kind"] == "Namespace"}
    used = {item["metadata"].get("namespace") for item in objects} - named - {None, ""}
    made = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in sorted(map(str, used))
    ]
    return [*made, *objects]


def part_of(objects: Sequence[Manifest], part: Part) -> list[Manifest]:
    """What is applied before the volumes are filled (`claims`), or after that (`resources`)."""
    return [item for item in objects if (item["kind"] in _WITH_CLAIMS) == (part == "claims")]


def readiness_subjects(objects: Sequence[Manifest]) -> list[Manifest]:
    """What has to become ready, named and no more: manifests may hold secrets in their environment."""
    return [
        {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "metadata": {
                key: item["metadata"][key] for key in ("name", "namespace") if key in item["metadata"]
            },
        }
        for item in objects
        if item["kind"] in _WORKLOADS
    ]


@dataclass(frozen=True)
class ApplyOutcome:
    """What became of each object."""

    results: list[ObjectResult]

    @property
    def counts(self) -> dict[str, int]:
        """Number of objects by what was done."""
        return dict(Counter(str(result.action) for result in self.results))

    def lines(self) -> list[str]:
        """A line for each object."""
        return [
            f"{result.action}: {result.object}{f' ({result.message})' if result.message else ''}"
            for result in self.results
        ]

    def raise_for_failures(self) -> None:
        """Stop if objects were refused.

        :raises ApplyError: naming each with the server's reason.
        """
        failed = [f"{one.object}: {one.message}" for one in self.results if one.action == "failed"]
        if failed:
            raise ApplyError(f"the target refused {len(failed)} objects:\n" + "\n".join(failed))


def apply_part(
    plan: Plan, target: Cluster, objects: Sequence[Manifest], run: str, *, part: Part
) -> ApplyOutcome:
    """Apply one part of the objects, as the plan says what happens to those that exist."""
    chosen = part_of(objects, part)
    if part == "resources":
        # From now on workloads may write: what the claims hold is nobody's knowledge any more.
        claims = [item["metadata"] for item in objects if item["kind"] == "PersistentVolumeClaim"]
        names = [(str(one["namespace"]), str(one["name"])) for one in claims]
        for claim in staged_snapshots(target, names):
            mark_staged(target, claim, None)
    results = apply(
        target,
        chosen,
        plan=plan.name,
        run=run,
        existing=plan.restore.existing,
        addresses=kept_addresses(plan),
        keep_finalizers=kept_finalizers(plan),
        start_order=start_order(plan),
    )
    return ApplyOutcome(results)


def start_order(plan: Plan) -> list[list[str]]:
    """In which order StatefulSets start in the target: what stops last in the source starts first."""
    return [[_in_target(plan, pattern) for pattern in wave] for wave in reversed(plan.quiesce.waves or [])]


def _in_target(plan: Plan, pattern: str) -> str:
    namespace, slash, workload = pattern.partition("/")
    return f"{plan.target_namespace(namespace)}/{workload}" if slash and "/" in workload else pattern


def release_names(target: Cluster, objects: Sequence[Manifest]) -> list[str]:
    """Let ExternalDNS have the names that were held back; returns the objects' references.

    :param objects: the adapted objects.
    """
    served = discovery(target)
    released = []
    for item in objects:
        reference = ObjectReference.of(item)
        resource = served.for_object(reference)
        if HELD not in annotations_of(item) or resource is None:
            continue
        path = resource.path(reference.namespace or None, reference.name)
        try:
            patch = release_patch(target.get(path, what=f"read {reference}"))
        except NotFound:
            continue
        if patch:
            target.patch(path, patch, what=f"release the names of {reference}")
            released.append(str(reference))
    return released
