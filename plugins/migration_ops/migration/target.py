"""Building the target: adapt a restore point's objects, make room for the volumes, apply the rest.

Claims come first and are filled by movers before any workload exists, so that no pod ever starts on an
empty volume.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from migration_ops.cluster import apply, discovery
from migration_ops.cluster.suspension import as_before
from migration_ops.migration.adaptation import adapt
from migration_ops.migration.errors import ApplyError
from migration_ops.migration.findings import count_by_severity, finding_line, raise_for_blockers
from migration_ops.migration.vault_records import (
    captured_objects,
    get_restore_point,
    read_document,
    save_documents,
)
from migration_ops.migration.volumes import RestoreTask, restore_tasks

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster, ObjectResult
    from migration_ops.migration.plan import Plan
    from migration_ops.transform import Finding
    from migration_ops.vault import Repository

Manifest = dict[str, Any]
Part = Literal["claims", "resources"]

_OBJECTS_FILE, _REPORT_FILE = "objects.json", "report.json"
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Service", "Ingress"})
_WITH_CLAIMS = frozenset(
    {"Namespace", "PersistentVolumeClaim", "LimitRange", "ResourceQuota", "StorageClass"}
)


@dataclass(frozen=True)
class AdaptedPoint:
    """A restore point's objects as the target will get them.

    :param snapshot: where they lie in the vault, with the rules' report.
    """

    snapshot: str
    volumes: list[RestoreTask]
    findings: list[Finding]
    changes: int
    objects: int

    @property
    def findings_by_severity(self) -> dict[str, int]:
        """Number of findings by severity."""
        return count_by_severity(self.findings)

    def lines(self) -> list[str]:
        """What the rules did, a line each."""
        head = f"{self.objects} objects, {self.changes} changes; in the vault as {self.snapshot[:8]}"
        return [head, *(finding_line(finding) for finding in self.findings)]


def adapt_restore_point(
    plan: Plan, repository: Repository, point_id: str, target: Cluster, run: str
) -> AdaptedPoint:
    """Run the rules over a restore point's objects, and keep result and report in the vault.

    :raises BlockerError: if the rules found what people must solve.
    :raises MigrationError: if a volume has no claim among the adapted objects.
    """
    point = get_restore_point(repository, plan.name, point_id)
    result = adapt(
        plan,
        # What quiesce stopped was captured stopped; the target gets it as it was before.
        [as_before(item) for item in captured_objects(repository, point)],
        target_version=target.version(),
        target_apis=discovery(target).api_names(),
    )
    raise_for_blockers(result.findings)
    objects = with_namespaces(result.objects)
    volumes = restore_tasks(plan, point, objects)
    tags = [f"plan={plan.name}", f"point={point.id}", "content=adapted", f"run={run}"]
    documents = {_OBJECTS_FILE: objects, _REPORT_FILE: result.report()}
    snapshot = save_documents(repository, documents, tags, point.cluster.name)
    return AdaptedPoint(snapshot, volumes, result.findings, len(result.changes), len(objects))


def load_adapted(repository: Repository, snapshot: str) -> list[Manifest]:
    """The adapted objects of a snapshot that `adapt_restore_point` made."""
    objects: list[Manifest] = read_document(repository, snapshot, _OBJECTS_FILE)
    return objects


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
    return ApplyOutcome(apply(target, chosen, plan=plan.name, run=run, existing=plan.restore.existing))
