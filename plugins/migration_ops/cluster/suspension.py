"""How each kind of workload is stopped and started: pure functions from manifests to merge patches.

What an object was is written on the object itself, in the annotation `migration-ops.io/quiesced`, in the
same request that stops it: whoever finds the object can bring it back, whatever else was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from migration_ops.cluster.hook_notes import noted_undo, undo_patch
from migration_ops.cluster.marks import label_value
from migration_ops.cluster.reference import Manifest, ObjectReference, annotations_of, copy_of

QUIESCED = "migration-ops.io/quiesced"
QUIESCED_BY = "migration-ops.io/quiesced-by"
"""Label with the plan's name: makes quiesced objects findable with one list per kind."""

Patch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Suspension:
    """How one kind is stopped.

    :param remember: what to remember of an object, or ``None`` when it does nothing at the moment.
    :param stop: the merge patch that stops it.
    :param start: the merge patch that makes it what was remembered.
    :param runs_pods: whether pods end when it stops; others only start or scale something (CronJobs,
        autoscalers, GitOps) and are stopped before all others.
    """

    remember: Callable[[Manifest], dict[str, Any] | None]
    stop: Callable[[Manifest], Patch]
    start: Callable[[dict[str, Any]], Patch]
    runs_pods: bool = True


def _spec(manifest: Manifest) -> dict[str, Any]:
    return manifest.get("spec") or {}


def _replicas(manifest: Manifest) -> dict[str, Any] | None:
    replicas = _spec(manifest).get("replicas", 1)
    return {"replicas": replicas} if replicas else None


_SCALED = Suspension(
    remember=_replicas,
    stop=lambda _: {"spec": {"replicas": 0}},
    start=lambda was: {"spec": {"replicas": was["replicas"]}},
)


def _daemon_set_state(manifest: Manifest) -> dict[str, Any] | None:
    pod = (_spec(manifest).get("template") or {}).get("spec") or {}
    return None if QUIESCED in (pod.get("nodeSelector") or {}) else {"nodeSelector": QUIESCED}


# A node selector that no node satisfies: the controller removes the pods, whatever the update strategy.
_DAEMON_SET = Suspension(
    remember=_daemon_set_state,
    stop=lambda _: {"spec": {"template": {"spec": {"nodeSelector": {QUIESCED: "true"}}}}},
    start=lambda was: {"spec": {"template": {"spec": {"nodeSelector": {was["nodeSelector"]: None}}}}},
)


def _job_state(manifest: Manifest) -> dict[str, Any] | None:
    status = manifest.get("status") or {}
    ended = status.get("completionTime") or any(
        one["type"] in {"Complete", "Failed"} and one["status"] == "True"
        for one in status.get("conditions") or []
    )
    parallelism = _spec(manifest).get("parallelism", 1)
    return None if ended or not parallelism else {"parallelism": parallelism}


_JOB = Suspension(
    remember=_job_state,
    stop=lambda _: {"spec": {"parallelism": 0}},
    start=lambda was: {"spec": {"parallelism": was["parallelism"]}},
)

_SUSPENDABLE = Suspension(
    remember=lambda manifest: (
        None if _spec(manifest).get("suspend") else {"suspend": _spec(manifest).get("suspend")}
    ),
    stop=lambda _: {"spec": {"suspend": True}},
    start=lambda was: {"spec": {"suspend": was["suspend"]}},
    runs_pods=False,
)

# The autoscaler rests by itself while its target has no replicas, unless it may scale from zero.
_AUTOSCALER = Suspension(
    remember=lambda manifest: {"minReplicas": 0} if _spec(manifest).get("minReplicas") == 0 else None,
    stop=lambda _: {"spec": {"minReplicas": 1}},
    start=lambda was: {"spec": {"minReplicas": was["minReplicas"]}},
    runs_pods=False,
)

_KEDA_PAUSED = "autoscaling.keda.sh/paused"
_KEDA = Suspension(
    remember=lambda manifest: (
        None if annotations_of(manifest).get(_KEDA_PAUSED) == "true"
        else {"paused": annotations_of(manifest).get(_KEDA_PAUSED)}
    ),
    stop=lambda _: {"metadata": {"annotations": {_KEDA_PAUSED: "true"}}},
    start=lambda was: {"metadata": {"annotations": {_KEDA_PAUSED: was["paused"]}}},
    runs_pods=False,
)  # fmt: skip


def _argo_state(manifest: Manifest) -> dict[str, Any] | None:
    automated = (_spec(manifest).get("syncPolicy") or {}).get("automated")
    return None if automated is None else {"automated": automated}


_ARGO_CD = Suspension(
    remember=_argo_state,
    stop=lambda _: {"spec": {"syncPolicy": {"automated": None}}},
    start=lambda was: {"spec": {"syncPolicy": {"automated": was["automated"]}}},
    runs_pods=False,
)

SUSPENSIONS: dict[tuple[str, str], Suspension] = {
    ("apps", "Deployment"): _SCALED,
    ("apps", "StatefulSet"): _SCALED,
    ("apps", "ReplicaSet"): _SCALED,
    ("", "ReplicationController"): _SCALED,
    ("apps.openshift.io", "DeploymentConfig"): _SCALED,
    ("argoproj.io", "Rollout"): _SCALED,
    ("apps.kruise.io", "CloneSet"): _SCALED,
    ("apps.kruise.io", "StatefulSet"): _SCALED,
    ("apps", "DaemonSet"): _DAEMON_SET,
    ("batch", "Job"): _JOB,
    ("batch", "CronJob"): _SUSPENDABLE,
    ("autoscaling", "HorizontalPodAutoscaler"): _AUTOSCALER,
    ("keda.sh", "ScaledObject"): _KEDA,
    ("keda.sh", "ScaledJob"): _KEDA,
    ("argoproj.io", "Application"): _ARGO_CD,
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): _SUSPENDABLE,
    ("helm.toolkit.fluxcd.io", "HelmRelease"): _SUSPENDABLE,
}

GITOPS = frozenset(
    {
        ("argoproj.io", "Application"),
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
        ("helm.toolkit.fluxcd.io", "HelmRelease"),
    }
)


def suspension_of(manifest: Manifest) -> Suspension | None:
    """Return how an object of this kind is stopped, or ``None`` for kinds that do not run anything.

    :param manifest: the object.
    """
    return SUSPENSIONS.get(ObjectReference.of(manifest).group_kind)


def noted_state(manifest: Manifest) -> dict[str, Any] | None:
    """Return what is written on a quiesced object: plan, run, wave, was, and ready if it was not.

    ``None`` when it isn't quiesced.

    :param manifest: the object as it is.
    """
    text = annotations_of(manifest).get(QUIESCED)
    if not text:
        return None
    try:
        note = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return note if isinstance(note, dict) and isinstance(note.get("was"), dict) else None


def stop_patch(manifest: Manifest, note: dict[str, Any]) -> Patch:
    """Return the merge patch that stops an object and writes on it what it was.

    :param manifest: the object as it is; the patch only holds for this state of it.
    :param note: what to write: plan, run, wave, was, and ready if it was not.
    """
    suspension = suspension_of(manifest)
    patch = suspension.stop(manifest) if suspension else {}
    marks = {
        "annotations": {QUIESCED: orjson.dumps(note, option=orjson.OPT_SORT_KEYS).decode()},
        "labels": {QUIESCED_BY: label_value(note["plan"])},
        "resourceVersion": manifest["metadata"]["resourceVersion"],
    }
    return _merged(patch, {"metadata": marks})


def start_patch(manifest: Manifest, was: dict[str, Any]) -> Patch:
    """Return the merge patch that makes an object what it was, and takes our marks away.

    :param manifest: the object as it is; the patch only holds for this state of it.
    :param was: what was remembered.
    """
    suspension = suspension_of(manifest)
    patch = suspension.start(was) if suspension else {}
    marks = {
        "annotations": {QUIESCED: None},
        "labels": {QUIESCED_BY: None},
        "resourceVersion": manifest["metadata"]["resourceVersion"],
    }
    return _merged(patch, {"metadata": marks})


def as_before(manifest: Manifest) -> Manifest:
    """Return an object as it was before a quiesce and its hooks; any other object as it is.

    What is captured while quiesced must start in the target as it ran in the source.

    :param manifest: stays as it is.
    """
    note, undo = noted_state(manifest), noted_undo(manifest)
    suspension = suspension_of(manifest)
    if undo is None and (note is None or suspension is None):
        return manifest
    former = copy_of(manifest)
    if note is not None and suspension is not None:
        merge(former, suspension.start(note["was"]))
        merge(former, {"metadata": {"annotations": {QUIESCED: None}, "labels": {QUIESCED_BY: None}}})
    if undo is not None:
        merge(former, undo_patch(undo))
    metadata = former["metadata"]
    for field in ("labels", "annotations"):
        if field in metadata and not metadata[field]:
            del metadata[field]
    pod = ((former.get("spec") or {}).get("template") or {}).get("spec") or {}
    if pod.get("nodeSelector") == {}:
        del pod["nodeSelector"]
    return former


def merge(document: dict[str, Any], patch: Patch) -> None:
    """Apply a JSON merge patch (RFC 7386) to a document in place.

    :param document: changed in place.
    :param patch: the patch.
    """
    for key, value in patch.items():
        if value is None:
            document.pop(key, None)
        elif isinstance(value, dict):
            below = document.get(key)
            if not isinstance(below, dict):
                below = document[key] = {}
            merge(below, value)
        else:
            document[key] = value


def _merged(first: Patch, second: Patch) -> Patch:
    """Put two patches into one; unlike `merge`, ``None`` stays, as it has a meaning for the server."""
    merged = dict(first)
    for key, value in second.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
