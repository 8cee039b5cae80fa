"""Movers as their cluster tells them: pods by their labels, their nodes, and the newest line of each log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from migration_ops.cluster.errors import ClusterUnreachable, NotFound, ServerFailed
from migration_ops.mover import observe, read_messages
from migration_ops.mover.command import STANDBY
from migration_ops.mover.job import CONTAINER
from migration_ops.mover.names import ACTION_LABEL, MOVER_LABEL, PLAN_LABEL, RUN_LABEL

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

_PODS_AT_ONCE, _MOST_LISTS, _MOST_LOGS = 500, 10, 40
_REQUEST_SECONDS = 3.0
_STOPPED_BY = "--stop-at"


def look(cluster: Cluster, plan: str) -> list[dict[str, Any]]:
    """Ask a cluster for the movers of a plan that wait or run, and for what they said last."""
    quick: dict[str, Any] = {"retry_seconds": 0.0, "timeout_seconds": _REQUEST_SECONDS}
    found: list[dict[str, Any]] = []
    running: list[tuple[dict[str, Any], str]] = []
    for pod in _pods(cluster, plan, quick):
        seen, labels = observe(None, [pod]), pod["metadata"].get("labels") or {}
        if seen.phase not in {"waiting", "running"}:
            continue
        namespace = pod["metadata"]["namespace"]
        one: dict[str, Any] = {
            "volume": f"{namespace}/{_claim(pod)}" if _claim(pod) else labels.get(ACTION_LABEL, "mover"),
            "pod": f"{namespace}/{pod['metadata']['name']}",
            "run": labels.get(RUN_LABEL, ""),
            "action": labels.get(ACTION_LABEL, ""),
            "phase": seen.phase,
            "reason": seen.reason,
            "node": seen.node or "",
            "stands_by": _stands_by(pod),
            "stops_at": _stops_at(pod),
        }
        found.append(one)
        if seen.phase == "running" and len(running) < _MOST_LOGS:
            running.append((one, f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/log"))
        elif seen.phase == "running":
            one["reason"] = f"no figures: the logs of {_MOST_LOGS} movers are read at a time"

    def ask(path: str) -> dict[str, Any] | None:
        try:
            said = cluster.get(path, query={"container": CONTAINER, "tailLines": 20}, accept="*/*", **quick)
        except (ClusterUnreachable, NotFound, ServerFailed):
            return None  # its node doesn't answer, or it has just gone: no matter of the others
        # A log of one line is JSON as a whole, and comes parsed.
        return said if isinstance(said, dict) else read_messages(said.splitlines()).progress or {}

    for (one, _), said in zip(running, cluster.each(ask, [path for _, path in running]), strict=True):
        if said is None:
            one["reason"] = "its log can't be read now"
            continue
        one.update({name: value for name, value in said.items() if name not in one})
        if not said and one["stands_by"]:
            one["reason"] = "stands by for its order"
    return found


def _pods(cluster: Cluster, plan: str, quick: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    selector = f"{MOVER_LABEL}=true,{PLAN_LABEL}={plan}"
    query: dict[str, Any] = {"labelSelector": selector, "limit": _PODS_AT_ONCE}
    for _ in range(_MOST_LISTS):
        answer = cluster.get("/api/v1/pods", query=query, **quick)
        yield from answer["items"]
        token = (answer.get("metadata") or {}).get("continue")
        if not token:
            return
        query = query | {"continue": token}


def _stands_by(pod: Mapping[str, Any]) -> bool:
    """Whether it was started ahead of its work; it may have begun by now."""
    return _arguments(pod)[:1] == [STANDBY]


def _stops_at(pod: Mapping[str, Any]) -> str | None:
    """When its window ends."""
    arguments = _arguments(pod)
    at = arguments.index(_STOPPED_BY) + 1 if _STOPPED_BY in arguments else len(arguments)
    return next(iter(arguments[at : at + 1]), None)


def _arguments(pod: Mapping[str, Any]) -> list[str]:
    containers = (pod.get("spec") or {}).get("containers") or [{}]
    return list(containers[0].get("args") or [])


def _claim(pod: Mapping[str, Any]) -> str:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    claims = (one.get("persistentVolumeClaim") or {} for one in volumes)
    return next((str(claim["claimName"]) for claim in claims if claim.get("claimName")), "")
