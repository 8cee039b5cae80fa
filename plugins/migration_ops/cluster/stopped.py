"""Finds what a quiesce stopped, by the notes on the objects."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError
from migration_ops.cluster.kinds import ApiResource, Discovery, discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import label_value
from migration_ops.cluster.quiesce_record import QuiescedWorkload
from migration_ops.cluster.reference import reference_of
from migration_ops.cluster.suspension import QUIESCED_BY, SUSPENSIONS, noted_state


def find_quiesced(cluster: Cluster, plan: str | None = None) -> dict[str, tuple[str, QuiescedWorkload]]:
    """Find everything that carries a note of ours, in whatever namespace.

    :param cluster: the source.
    :param plan: only what this plan stopped; what any plan stopped when not given.
    :return: by reference: the plan that stopped it, and what it was.
    :raises ClusterError: when the cluster cannot be asked.
    """
    found: dict[str, tuple[str, QuiescedWorkload]] = {}
    kinds = suspended_kinds(discovery(cluster))
    for listed in cluster.each(lambda one: _quiesced_of(cluster, one, plan), kinds):
        found |= listed
    return found


def suspended_kinds(served: Discovery) -> list[ApiResource]:
    """Return the kinds of what can be stopped, as far as they are served.

    :param served: what the cluster serves.
    """
    return [one for kind in SUSPENSIONS if (one := served.find(*kind)) is not None]


def _quiesced_of(
    cluster: Cluster, resource: ApiResource, plan: str | None
) -> dict[str, tuple[str, QuiescedWorkload]]:
    selector = f"{QUIESCED_BY}={label_value(plan)}" if plan else QUIESCED_BY
    found: dict[str, tuple[str, QuiescedWorkload]] = {}
    for manifest in list_objects(cluster, resource, label_selector=selector):
        note = noted_state(manifest)
        if note is not None and plan in {None, note.get("plan")}:
            name = reference_of(manifest)
            found[name] = (str(note.get("plan", "")), QuiescedWorkload.of_note(name, note))
    return found


def list_stopped(
    cluster: Cluster, kinds: Sequence[ApiResource], plan: str
) -> tuple[dict[str, QuiescedWorkload], dict[ApiResource, str]]:
    """Return what a plan stopped of some kinds, and the reason for each kind that cannot be listed.

    :param cluster: the source.
    :param kinds: of `suspended_kinds`.
    :param plan: the plan's name.
    """

    def ask(kind: ApiResource) -> tuple[dict[str, tuple[str, QuiescedWorkload]], str]:
        try:
            return _quiesced_of(cluster, kind, plan), ""
        except ApiError as error:
            return {}, str(error)

    entries: dict[str, QuiescedWorkload] = {}
    unlisted: dict[ApiResource, str] = {}
    for kind, (found, problem) in zip(kinds, cluster.each(ask, kinds), strict=True):
        entries |= {name: entry for name, (_, entry) in found.items()}
        if problem:
            unlisted[kind] = problem
    return entries, unlisted
