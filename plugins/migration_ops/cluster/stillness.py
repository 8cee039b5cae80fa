"""Whether what was stopped still stands still: somebody may have started it again, and it may write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.kinds import ApiResource, discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import FIELD_MANAGER, label_value
from migration_ops.cluster.pods import list_pods, pods_holding, why_still_there
from migration_ops.cluster.reference import Manifest, reference_of
from migration_ops.cluster.stopped import suspended_kinds
from migration_ops.cluster.suspension import QUIESCED_BY, noted_state, suspension_of


def disturbances(cluster: Cluster, plan: str, claims: Sequence[tuple[str, str]]) -> list[str]:
    """Name what runs although the plan stopped it, and the pods that mount its volumes.

    :param cluster: the source.
    :param plan: the plan's name.
    :param claims: (namespace, name) of the volumes that move.
    :raises ClusterError: when the cluster cannot be asked.
    """
    served = discovery(cluster)
    pods = list_pods(cluster, served, {namespace for namespace, _ in claims}) if claims else []
    found = [why_still_there(pod) for pod in pods_holding(pods, claims)]
    selector = f"{QUIESCED_BY}={label_value(plan)}"

    def started(kind: ApiResource) -> list[str]:
        listed = list_objects(cluster, kind, label_selector=selector)
        return [f"{reference_of(one)} runs again{_by(one)}" for one in listed if _runs(one, plan)]

    return found + [line for lines in cluster.each(started, suspended_kinds(served)) for line in lines]


def _runs(manifest: Manifest, plan: str) -> bool:
    note, suspension = noted_state(manifest), suspension_of(manifest)
    return bool(
        note is not None
        and note.get("plan") == plan
        and suspension is not None
        and suspension.remember(manifest) is not None
    )


def _by(manifest: Manifest) -> str:
    """Who wrote to it last, as the server tells; its controllers write the status only."""
    entries: Iterable[Manifest] = manifest["metadata"].get("managedFields") or []
    others = [
        one
        for one in entries
        if one.get("manager") != FIELD_MANAGER
        and one.get("subresource", "") != "status"
        and {"f:spec", "f:metadata"} & (one.get("fieldsV1") or {}).keys()
    ]
    newest = max(others, key=lambda one: str(one.get("time") or ""), default=None)
    return f" (written last by {newest['manager']})" if newest else ""
