"""Starts again what a plan's quiesce stopped, from what is written on the objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import tenacity

from migration_ops.cluster.bare_pods import bring_back
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ClusterError, Conflict, NotFound
from migration_ops.cluster.kinds import Discovery, discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import label_value
from migration_ops.cluster.quiesce_record import QuiescedWorkload, QuiesceRecord
from migration_ops.cluster.reference import Manifest, ObjectReference, reference_of
from migration_ops.cluster.refusals import worth_waiting
from migration_ops.cluster.suspension import (
    QUIESCED_BY,
    SUSPENSIONS,
    noted_state,
    start_patch,
    suspension_of,
)
from migration_ops.cluster.waiting import readiness

PATIENCE_SECONDS = 60.0

CONFLICTS = 10


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """What was started again.

    :param resumed: references of what was started, in order.
    :param problems: what could not be, in words; empty when everything is as it was.
    :param not_ready: with a timeout: what was not ready in time, with the reasons.
    """

    resumed: tuple[str, ...]
    problems: tuple[str, ...] = ()
    not_ready: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything is as it was, and ready as far as that was asked for."""
        return not self.problems and not self.not_ready


def resume(
    cluster: Cluster,
    plan: str,
    *,
    record: QuiesceRecord | None = None,
    timeout: float | None = None,
    on_wave: Callable[[int, list[str]], None] | None = None,
) -> ResumeResult:
    """Bring everything back that this plan stopped, in reverse order.

    The objects' own annotations are what counts; a record from the journal only adds objects that lost
    theirs. May be repeated.

    :param cluster: the source.
    :param plan: the plan's name.
    :param record: what `quiesce` returned, when it is at hand.
    :param timeout: seconds to wait for what was started to be ready, wave by wave; not at all when ``None``.
    :param on_wave: called with a wave's number and objects after it was started.
    :raises ClusterError: when the cluster cannot be asked.
    """
    served = discovery(cluster)
    entries = {name: entry for name, (_, entry) in find_quiesced(cluster, plan).items()}
    problems: list[str] = []
    for lost in _lost_notes(record, entries):
        problems += _from_record(cluster, served, lost, entries)
    resumed: list[str] = []
    not_ready: list[str] = []
    deadline = None if timeout is None else time.monotonic() + timeout
    pods = bring_back(cluster, served, plan)
    for wave in sorted({entry.wave for entry in entries.values()}, reverse=True):
        names = [name for name, entry in entries.items() if entry.wave == wave]
        manifests: list[Manifest] = []
        patience = time.monotonic() + PATIENCE_SECONDS
        start = partial(_start_patiently, cluster, served, patience)
        for name, manifest, problem in cluster.each(start, [entries[name] for name in names]):
            if problem:
                problems.append(problem)
            elif manifest is not None:
                resumed.append(name)
                manifests.append(manifest)
        if on_wave:
            on_wave(wave, names)
        if deadline is not None:
            not_ready += _wait(cluster, manifests, deadline)
    return ResumeResult(tuple(resumed + pods), tuple(problems), tuple(not_ready))


def find_quiesced(cluster: Cluster, plan: str | None = None) -> dict[str, tuple[str, QuiescedWorkload]]:
    """Find everything that carries a note of ours, in whatever namespace.

    :param cluster: the source.
    :param plan: only what this plan stopped; what any plan stopped when not given.
    :return: by reference: the plan that stopped it, and what it was.
    :raises ClusterError: when the cluster cannot be asked.
    """
    served = discovery(cluster)
    selector = f"{QUIESCED_BY}={label_value(plan)}" if plan else QUIESCED_BY
    resources = [one for kind in SUSPENSIONS if (one := served.find(*kind)) is not None]
    found: dict[str, tuple[str, QuiescedWorkload]] = {}
    for objects in cluster.each(lambda one: list_objects(cluster, one, label_selector=selector), resources):
        for manifest in objects:
            note = noted_state(manifest)
            if note is not None and plan in {None, note.get("plan")}:
                name = reference_of(manifest)
                entry = QuiescedWorkload(name, int(note.get("wave", 0)), note["was"])
                found[name] = (str(note.get("plan", "")), entry)
    return found


def _lost_notes(
    record: QuiesceRecord | None, entries: dict[str, QuiescedWorkload]
) -> Sequence[QuiescedWorkload]:
    known = {ObjectReference.parse(name).identity for name in entries}
    return [
        one
        for one in (record.workloads if record else ())
        if ObjectReference.parse(one.object).identity not in known
    ]


def _from_record(
    cluster: Cluster, served: Discovery, lost: QuiescedWorkload, entries: dict[str, QuiescedWorkload]
) -> list[str]:
    """Take over an object that lost its note, but only while it still stands where quiesce left it."""
    reference = ObjectReference.parse(lost.object)
    resource = served.find(reference.group, reference.kind)
    if resource is None:
        return [f"{lost.object}: its kind is not served any more"]
    try:
        current = cluster.get(resource.path(reference.namespace, reference.name), what=f"read {lost.object}")
    except NotFound:
        return [f"{lost.object}: was deleted since it was stopped"]
    current |= {"apiVersion": resource.api_version, "kind": resource.kind}
    suspension = suspension_of(current)
    if suspension is not None and suspension.remember(current) is None:
        entries[lost.object] = lost
    return []


def _start_patiently(
    cluster: Cluster, served: Discovery, patience: float, entry: QuiescedWorkload
) -> tuple[str, Manifest | None, str | None]:
    """Start one object; return its name with what it is now, or with what stands against it.

    :param patience: of `time.monotonic`; until then it is tried again what may pass (a webhook on a node that
        comes back). All objects of a wave share it: thousands that one dead webhook refuses wait once.
    """
    try:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=tenacity.wait_random_exponential(multiplier=0.3, max=5),
            stop=lambda state: time.monotonic() >= patience and not _is_early_conflict(state),
            reraise=True,
        )(_start, cluster, served, entry)
    except ClusterError as error:
        return entry.object, None, str(error)


def _is_early_conflict(state: tenacity.RetryCallState) -> bool:
    """Whether somebody else wrote in the very moment, which has nothing to do with what is away."""
    failure = state.outcome.exception() if state.outcome else None
    return isinstance(failure, Conflict) and state.attempt_number < CONFLICTS


def _may_pass(error: BaseException) -> bool:
    return worth_waiting(error) and not isinstance(error, NotFound)


def _start(
    cluster: Cluster, served: Discovery, entry: QuiescedWorkload
) -> tuple[str, Manifest | None, str | None]:
    reference = ObjectReference.parse(entry.object)
    resource = served.find(reference.group, reference.kind)
    if resource is None:
        return entry.object, None, f"{entry.object}: its kind is not served any more"
    path = resource.path(reference.namespace, reference.name)
    try:
        current = cluster.get(path, what=f"read {reference}")
        patch = start_patch(current, entry.was)
        started: Manifest = cluster.patch(path, patch, what=f"start {reference}")
    except NotFound:
        return entry.object, None, f"{entry.object}: was deleted since it was stopped"
    return entry.object, started, None


def _wait(cluster: Cluster, manifests: list[Manifest], deadline: float) -> list[str]:
    while True:
        result = readiness(cluster, manifests)
        if result.ready or time.monotonic() > deadline:
            return [str(one) for one in result.not_ready]
        time.sleep(1)
