"""Whoever would undo a scale-down: GitOps, operators, autoscalers.

Quiesce suspends what it finds in the source. What steers from elsewhere (a hub's Argo CD, an operator whose
own resource says how many replicas there are) must be settled by people before the cutover.
"""

from __future__ import annotations

from collections.abc import Iterable

from migration_ops.cluster import Capture, Manifest, reference_of
from migration_ops.cluster.reference import annotations_of, controller_of, labels_of
from migration_ops.cluster.suspension import SUSPENSIONS
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding

CHECK = "controllers"
_ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE = "argocd.argoproj.io/instance"
_ARGO_LABEL = (
    "app.kubernetes.io/instance"  # what Argo CD tracks by unless it is told otherwise, and Helm sets
)
_MANAGED_BY = "app.kubernetes.io/managed-by"
_FLUX = (
    ("kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace", "Kustomization"),
    ("helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace", "HelmRelease"),
)
_FLUX_GROUPS = {
    "Kustomization": "kustomize.toolkit.fluxcd.io",
    "HelmRelease": "helm.toolkit.fluxcd.io",
}
_PAUSED = "autoscaling.keda.sh/paused"


def check_gitops(capture: Capture, source: ClusterFacts) -> list[ReadinessFinding]:
    """Find objects that a GitOps tool keeps as they are in git.

    :param capture: the source as captured.
    """
    argo: dict[str, list[str]] = {}
    perhaps: dict[str, list[str]] = {}
    flux: dict[tuple[str, str], list[str]] = {}
    for one in capture.objects:
        annotations, labels = annotations_of(one.manifest), labels_of(one.manifest)
        tracking = annotations.get(_ARGO_TRACKING, "").split(":")[0] or labels.get(_ARGO_INSTANCE)
        if tracking:
            argo.setdefault(tracking, []).append(reference_of(one.manifest))
        elif (label := labels.get(_ARGO_LABEL)) and labels.get(_MANAGED_BY) != "Helm":
            perhaps.setdefault(label, []).append(reference_of(one.manifest))
        for name, namespace, kind in _FLUX:
            if name in labels:
                key = (kind, f"{labels.get(namespace, '')}/{labels[name]}")
                flux.setdefault(key, []).append(reference_of(one.manifest))
    findings = _kept_by_sets(source)
    here = _named(source.kind("argoproj.io", "Application"))
    for name, objects in sorted(perhaps.items()):
        if name in {known.rpartition("/")[2] for known in here}:
            argo.setdefault(name, []).extend(objects)
        elif any(_runs_pods(one) for one in objects):
            findings.append(_may_be_tracked(name, objects))
    for name, objects in sorted(argo.items()):
        # With applications in any namespace the id is NAMESPACE_NAME.
        found = name in {known.rpartition("/")[2] for known in here} or name.replace("_", "/", 1) in here
        findings.append(_verdict(f"Argo CD application {name}", objects, suspended=found))
    for (kind, name), objects in sorted(flux.items()):
        found = name in _named(source.kind(_FLUX_GROUPS[kind], kind))
        findings.append(_verdict(f"Flux {kind} {name}", objects, suspended=found))
    return findings


def _kept_by_sets(source: ClusterFacts) -> list[ReadinessFinding]:
    """Applications whose ApplicationSet turns on again what quiesce turns off."""
    findings = []
    for one in source.kind("argoproj.io", "Application"):
        owner = controller_of(one)
        if owner is None or owner.get("kind") != "ApplicationSet":
            continue
        if (one.get("spec") or {}).get("syncPolicy", {}).get("automated") is None:
            continue
        reason = (
            f"is kept by ApplicationSet {owner['name']}, whose controller turns its automated "
            "synchronisation on again after quiesce has turned it off"
        )
        remedy = (
            "let the set ignore that field (spec.ignoreApplicationDifferences: /spec/syncPolicy), or set its "
            "spec.syncPolicy.applicationsSync to create-only, before the cutover"
        )
        findings.append(finding(CHECK, "warning", reference_of(one), reason, remedy))
    return findings


def _may_be_tracked(name: str, objects: list[str]) -> ReadinessFinding:
    reason = (
        f"{_ARGO_LABEL}={name} on {len(objects)} objects, such as {objects[0]}: Argo CD tracks by "
        "this label, and no Application of that name is in the source cluster"
    )
    remedy = "if an Argo CD elsewhere keeps them, suspend it there before the cutover; else nothing"
    return finding(CHECK, "info", f"Argo CD application {name}", reason, remedy)


def check_operators(capture: Capture) -> list[ReadinessFinding]:
    """Find workloads that an operator's custom resource keeps.

    :param capture: the source as captured; owned objects are in its list of what was left out.
    """
    findings = []
    for one in capture.left_out:
        prefix = "made by its controller "
        if not one.reason.startswith(prefix):
            continue
        kind, _, name = one.reason.removeprefix(prefix).partition(" ")
        group, _, word = kind.rpartition("/")
        group = group.rpartition("/")[0]
        if (group, word) in SUSPENSIONS or "." not in group or not _runs_pods(one.object):
            continue
        reason = f"is kept by {word} {name} ({group}), whose operator starts it again after a scale-down"
        remedy = (
            f"pause {word} {name} in a hook of quiesce; the operator must run in the target before it comes"
        )
        findings.append(finding(CHECK, "decision", one.object, reason, remedy))
    findings += [
        finding(
            CHECK,
            "decision",
            reference_of(one.manifest),
            f"is kept by {owner['kind']} {owner['name']}",
            "pause its operator in a hook of quiesce",
        )
        for one in capture.objects
        if (owner := controller_of(one.manifest)) and _runs_pods(reference_of(one.manifest))
    ]
    return findings


def check_autoscalers(capture: Capture, source: ClusterFacts) -> list[ReadinessFinding]:
    """Find autoscalers that scale up from nothing.

    :param capture: the source as captured.
    """
    findings = []
    for kind in ("ScaledObject", "ScaledJob"):
        for one in source.kind("keda.sh", kind):
            if annotations_of(one).get(_PAUSED) == "true":
                continue
            reason = "is a KEDA scaler that may scale up from nothing; quiesce pauses it and resume starts it"
            remedy = f"KEDA 2.7 or later honours {_PAUSED}; take older ones out by a hook"
            findings.append(finding(CHECK, "info", reference_of(one), reason, remedy))
    for manifest in (taken.manifest for taken in capture.objects):
        autoscaler = manifest["kind"] == "HorizontalPodAutoscaler"
        if autoscaler and (manifest.get("spec") or {}).get("minReplicas") == 0:
            reason = "may scale up from nothing; quiesce raises its minimum so that it rests"
            findings.append(finding(CHECK, "info", reference_of(manifest), reason))
    return findings


def _verdict(who: str, objects: list[str], *, suspended: bool) -> ReadinessFinding:
    some = f"{len(objects)} objects, such as {objects[0]}"
    if suspended:
        reason = f"keeps {some}; quiesce suspends its synchronisation, resume turns it on again"
        return finding(CHECK, "info", who, reason, "point it to the target before finishing")
    return finding(
        CHECK,
        "decision",
        who,
        f"keeps {some}, and isn't in the source cluster: it would undo the scale-down",
        "suspend it where it runs before the cutover (a hook of quiesce can), and point it to the target",
    )


def _named(manifests: Iterable[Manifest]) -> set[str]:
    return {f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}" for one in manifests}


def _runs_pods(reference: str) -> bool:
    return any(
        f"/{kind}/" in reference
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
    )
