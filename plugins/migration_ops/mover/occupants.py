"""Who else has a claim that a mover is to write to.

Hours may lie between the moment at which somebody chose to fill a claim and the start of its mover: a window,
a slot of a pool, a task that is cleared a week later. So whoever starts a mover that writes looks here, right
before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migration_ops.mover.names import MOVER_LABEL, PLAN_LABEL


def occupants(pods: Iterable[Mapping[str, Any]], claim: str) -> list[str]:
    """The pods that hold a claim, or are about to; movers and what has ended are left out.

    :param pods: of the claim's namespace.
    """
    return [
        str(pod["metadata"]["name"])
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(MOVER_LABEL) != "true"
        and claim in _claims(pod)
        and not _has_ended(pod)
    ]


def is_anothers(claim: Mapping[str, Any], plan: str) -> bool:
    """Whether a claim was not made by a plan.

    :param claim: as it is.
    :param plan: the plan's name.
    """
    return (claim["metadata"].get("labels") or {}).get(PLAN_LABEL) != plan


def _claims(pod: Mapping[str, Any]) -> set[str]:
    name = pod["metadata"]["name"]
    volumes = (pod.get("spec") or {}).get("volumes") or []
    named = {str((one.get("persistentVolumeClaim") or {}).get("claimName")) for one in volumes}
    return named | {f"{name}-{one['name']}" for one in volumes if "ephemeral" in one}


def _has_ended(pod: Mapping[str, Any]) -> bool:
    """A pod that is being deleted starts nothing again: it has ended when all of its containers have."""
    status = pod.get("status") or {}
    if status.get("phase") in {"Succeeded", "Failed"}:
        return True
    containers = status.get("containerStatuses") or []
    others = (status.get("initContainerStatuses") or []) + (status.get("ephemeralContainerStatuses") or [])
    return (
        bool(pod["metadata"].get("deletionTimestamp"))
        and len(containers) >= len((pod.get("spec") or {}).get("containers") or [""])
        and all("terminated" in (one.get("state") or {}) for one in containers)
        and not any("running" in (one.get("state") or {}) for one in others)
    )
