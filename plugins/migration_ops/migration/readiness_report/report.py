"""The readiness report: every check, run over one reading of both clusters."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import (
    Capture,
    CapturedObject,
    Manifest,
    ObjectResult,
    PermissionResult,
    reference_of,
)
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report import (
    capacity,
    clusters,
    controllers,
    hook_objects,
    images,
    kinds,
    movers,
    namespaces,
    placement,
    plan_references,
    pod_security,
    prerequisites,
    quotas,
    rules,
    source_health,
    staged_claims,
    storage,
    trial,
    vault_access,
    volumes,
    webhooks,
)
from migration_ops.migration.readiness_report.facts import ClusterFacts, quantity
from migration_ops.migration.readiness_report.finding import ReadinessFinding, ReadinessReport
from migration_ops.migration.readiness_report.pods import PodDemand, pod_demands
from migration_ops.migration.readiness_report.shapes import trusted
from migration_ops.migration.withholding import secret_values, withhold
from migration_ops.transform import TransformResult

if TYPE_CHECKING:
    from migration_ops.migration.readiness_report.images import ImagePull
    from migration_ops.migration.restore_point import RestorePoint

Check = Callable[[], list[ReadinessFinding]]


@dataclass(frozen=True)
class Situation:
    """Everything that the checks look at; what wasn't gathered is None, and its checks don't run.

    :param objects: the adapted objects with a Namespace for each that is used.
    :param trial: the results of the server-side dry run.
    :param rights: by side, the answers about the accounts' rights.
    :param probes: by side, the summary of the vault probe.
    :param pulls: what the image probes said.
    :param vault_keys_end: when the keys end that movers get; nothing if they don't.
    :param latest: the newest restore point: how much data there is.
    :param scales: whether the target adds nodes by itself.
    :param unhooked: by number of the plan's hook, why there is nothing to patch.
    """

    plan: Plan
    source: ClusterFacts
    target: ClusterFacts
    capture: Capture
    adapted: TransformResult
    objects: Sequence[Manifest]
    trial: Sequence[ObjectResult] | None = None
    rights: Mapping[str, Sequence[PermissionResult]] = field(default_factory=dict)
    probes: Mapping[str, Mapping[str, Any] | None] | None = None
    pulls: Sequence[ImagePull] | None = None
    vault_keys_end: datetime | None = None
    latest: RestorePoint | None = None
    scales: bool = False
    unhooked: Mapping[int, str] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def demands(self) -> list[PodDemand]:
        """The pods that the adapted objects make."""
        return pod_demands(self.objects)

    @functools.cached_property
    def source_namespaces(self) -> set[str]:
        """The namespaces that move."""
        return {str(one.manifest["metadata"].get("namespace") or "") for one in self.capture.objects} - {""}

    @functools.cached_property
    def with_volumes(self) -> set[str]:
        """The target namespaces where movers run."""
        return {self.plan.target_namespace(claim.namespace) for claim in self.capture.claims}


def readiness_report(situation: Situation) -> ReadinessReport:
    """Run every check whose facts are there; no text quotes the value of a Secret that moves."""
    findings: list[ReadinessFinding] = []
    checked = []
    for name, check in _checks(_trusted(situation)).items():
        findings += check()
        checked.append(name)
    report = ReadinessReport.of(findings, checked)
    moving = [*(one.manifest for one in situation.capture.objects), *situation.objects]
    return ReadinessReport.model_validate(withhold(report.model_dump(), secret_values(moving)))


def _trusted(situation: Situation) -> Situation:
    taken = [CapturedObject(trusted(one.manifest), one.reason) for one in situation.capture.objects]
    return dataclasses.replace(
        situation,
        capture=dataclasses.replace(situation.capture, objects=taken),
        objects=[trusted(one) for one in situation.objects],
    )


def _checks(at: Situation) -> dict[str, Check]:
    both: dict[str, Check] = {
        "identity": lambda: clusters.check_identity(at.plan, at.source, at.target),
        "clocks": lambda: clusters.check_clocks(at.source, at.target),
        "permissions": lambda: [
            one for side, answers in at.rights.items() for one in clusters.check_rights(side, answers)
        ],
        "rules": lambda: rules.check_rules(at.adapted),
        "image copies": lambda: rules.check_image_copies(at.adapted),
        "waves": lambda: plan_references.check_waves(at.plan, at.capture),
        "disruption budgets": lambda: plan_references.check_budgets(at.plan, at.capture),
        "objects of hooks": lambda: hook_objects.check_hook_objects(at.plan, at.unhooked),
        "hooks and probes": lambda: plan_references.check_hooks_and_probes(at.plan, at.capture, at.objects),
    }
    return both | _source_checks(at) | _target_checks(at) | _optional_checks(at)


def _source_checks(at: Situation) -> dict[str, Check]:
    return {
        "capture": lambda: kinds.check_capture(at.capture),
        "claims": lambda: volumes.check_claims(at.capture, at.source),
        "unusual volumes": lambda: volumes.check_pod_volumes(at.capture),
        "source pods": lambda: source_health.check_source_pods(at.source, at.source_namespaces),
        "source nodes": lambda: source_health.check_source_nodes(at.source, at.capture.claims),
        "gitops": lambda: controllers.check_gitops(at.capture, at.source),
        "operators": lambda: controllers.check_operators(at.capture),
        "stopped already": lambda: source_health.check_stopped(at.stopped, at.source_namespaces),
        "movers in the source": lambda: movers.check_movers(at.plan, at.capture.claims, "source", at.source),
        "autoscalers": lambda: controllers.check_autoscalers(at.capture, at.source),
    }


def _target_checks(at: Situation) -> dict[str, Check]:
    target, objects, demands = at.target, at.objects, at.demands
    nodes = target.kind("", "Node")
    used = {str(one["metadata"].get("namespace") or "") for one in objects} - {""}

    staged = {
        (one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in target.kind("", "PersistentVolumeClaim")
    }
    # A quota has counted what is there already: staged claims, and what is skipped or updated.
    there = {one.object for one in at.trial or () if one.action in {"skipped", "updated", "unchanged"}}
    new = [
        one
        for one in objects
        if reference_of(one) not in there
        and (
            one["kind"] != "PersistentVolumeClaim"
            or (one["metadata"].get("namespace"), one["metadata"]["name"]) not in staged
        )
    ]
    starting = [one for one in demands if one.object not in there]

    def among(kind: str) -> list[Manifest]:
        """Those that exist, unless the set brings one of the same name."""
        coming = [one for one in objects if one["kind"] == kind]
        names = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in coming}
        existing = [
            one
            for one in target.kind("", kind)
            if (one["metadata"].get("namespace"), one["metadata"]["name"]) not in names
        ]
        return [*existing, *coming]

    return {
        "api kinds": lambda: kinds.check_kinds(objects, target.served),
        "storage": lambda: storage.check_storage(
            objects,
            target.kind("storage.k8s.io", "StorageClass"),
            nodes,
            target.names("storage.k8s.io", "CSIDriver"),
        ),
        "staged claims": lambda: staged_claims.check_staged_claims(
            at.plan.name,
            objects,
            target.kind("", "PersistentVolumeClaim"),
            target.kind("storage.k8s.io", "StorageClass"),
        ),
        "claim sizes": lambda: storage.check_growth(at.capture.claims, objects, at.plan.namespaces),
        "movers in the target": lambda: [
            *movers.check_movers(at.plan, at.capture.claims, "target", target),
            *pod_security.check_mover_levels(at.with_volumes, among("Namespace")),
        ],
        "quotas": lambda: quotas.check_quotas(starting, new, among("ResourceQuota")),
        "limit ranges": lambda: quotas.check_limit_ranges(demands, objects, among("LimitRange")),
        "placement": lambda: placement.check_placement(demands, nodes),
        "capacity": lambda: capacity.check_capacity(demands, nodes, target.kind("", "Pod"), scales=at.scales),
        "target webhooks": lambda: webhooks.check_target_webhooks(target, objects),
        "own webhooks": lambda: webhooks.check_own_webhooks(target, objects),
        "prerequisites": lambda: prerequisites.check_prerequisites(objects, demands, target),
        "accounts": lambda: prerequisites.check_target_references(demands, objects, target),
        "pod security": lambda: pod_security.check_pod_security(demands, objects, target),
        "namespaces": lambda: namespaces.check_namespaces(used, target, objects),
        "network policies": lambda: namespaces.check_network_policies(
            at.with_volumes,
            [
                *target.kind("networking.k8s.io", "NetworkPolicy"),
                *(one for one in objects if one["kind"] == "NetworkPolicy"),
            ],
        ),
        "source network policies": lambda: namespaces.check_network_policies(
            {claim.namespace for claim in at.capture.claims},
            at.source.kind("networking.k8s.io", "NetworkPolicy"),
        ),
    }


def _optional_checks(at: Situation) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    results, probes, pulls, latest = at.trial, at.probes, at.pulls, at.latest
    if results is not None:
        checks["dry run"] = lambda: trial.check_dry_run(results)
        checks["existing objects"] = lambda: trial.check_existing(
            results, takes_over_claims=at.plan.restore.takes_over_claims
        )
    if latest is not None:
        checks["data sizes"] = lambda: storage.check_usage(latest, at.objects, at.plan)
    if probes is not None:
        total = int(sum(quantity(claim.capacity) for claim in at.capture.claims))
        checks["vault"] = lambda: vault_access.check_vault(probes, total)
    if (end := at.vault_keys_end) is not None:
        checks["vault keys"] = lambda: vault_access.check_keys(at.plan, end, datetime.now(UTC))
    if probes is None or pulls is None:
        checks["probes"] = lambda: vault_access.check_probed(probes is not None, pulls is not None)
    if pulls is not None:
        checks["images"] = lambda: images.check_images(pulls, images.image_uses(at.demands))
    return checks
