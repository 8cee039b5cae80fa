"""Starts again what a plan's quiesce stopped, from what is written on the objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import tenacity

from migration_ops.cluster.bare_pods import bring_back
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError, ClusterError, Conflict, NotFound
from migration_ops.cluster.kinds import Discovery, discovery
from migration_ops.cluster.quiesce_record import QuiescedWorkload, QuiesceRecord
from migration_ops.cluster.readiness_rules import RULES
from migration_ops.cluster.reference import Manifest, ObjectReference, reference_of
from migration_ops.cluster.refusals import worth_waiting
from migration_ops.cluster.stopped import list_stopped, suspended_kinds
from migration_ops.cluster.suspension import start_patch, suspension_of
from migration_ops.cluster.waiting import readiness

PATIENCE_SECONDS = 60.0

CONFLICTS = 10

WAVE_SECONDS = 30.0
"""For so long a wave is waited for before the next one is started."""

POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """What was started again.

    :param resumed: references of what was started, in order.
    :param problems: what could not be, in words; empty when everything is as it was.
    :param not_ready: with a timeout: what was not ready in time, with the reasons.
    :param gone: what somebody deleted since it was stopped: nothing can bring that back.
    """

    resumed: tuple[str, ...]
    problems: tuple[str, ...] = ()
    not_ready: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

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
    theirs. May be repeated. What stands against one object keeps no other one stopped.

    :param cluster: the source.
    :param plan: the plan's name.
    :param record: what `quiesce` returned, when it is at hand.
    :param timeout: seconds to wait for what was started to be ready, as far as it was before the stop; not at
        all when ``None``. A wave is waited for before the next one is started, but only for a while: what is
        started later may be what it needs.
    :param on_wave: called with a wave's number and objects after it was started.
    :raises ClusterError: when the cluster cannot be asked.
    """
    return _Resume(cluster, plan, timeout, on_wave).run_all(record)


class _Resume:
    def __init__(
        self,
        cluster: Cluster,
        plan: str,
        timeout: float | None,
        on_wave: Callable[[int, list[str]], None] | None,
    ) -> None:
        self.cluster = cluster
        self.served: Discovery = discovery(cluster)
        self.plan = plan
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.on_wave = on_wave
        self.resumed: list[str] = []
        self.problems: list[str] = []
        self.gone: list[str] = []
        self.started: list[Manifest] = []

    def run_all(self, record: QuiesceRecord | None) -> ResumeResult:
        """See `resume`."""
        kinds = suspended_kinds(self.served)
        entries, unlisted = list_stopped(self.cluster, kinds, self.plan)
        away = {(kind.group, kind.kind) for kind in unlisted}  # of these the notes may yet be found
        lost = _lost_notes(record, entries)
        self._believe([one for one in lost if _kind_of(one) not in away], entries)
        remembered = record.pods if record else ()
        pods, refused = bring_back(self.cluster, self.served, self.plan, remembered)
        self._start_waves(entries)
        if unlisted or refused:  # their webhook may be among what was started a moment ago
            patience = time.monotonic() + PATIENCE_SECONDS
            while (unlisted or refused) and time.monotonic() < patience:
                late, unlisted = list_stopped(self.cluster, list(unlisted), self.plan)
                self._start_waves(late)
                more, refused = bring_back(self.cluster, self.served, self.plan, remembered)
                pods += more
                if unlisted or refused:
                    time.sleep(POLL_SECONDS)
        if away:
            found: dict[str, QuiescedWorkload] = {}
            still = {(kind.group, kind.kind) for kind in unlisted}
            done = {ObjectReference.parse(name).identity for name in self.resumed}
            self._believe(
                [
                    one
                    for one in lost
                    if _kind_of(one) in away - still
                    and ObjectReference.parse(one.object).identity not in done
                ],
                found,
            )
            self._start_waves(found)
        self.problems += [*unlisted.values(), *refused]
        self.started += [pod for pod in pods if RULES["", "Pod"](pod) is None]  # as it was before the stop
        not_ready = [] if self.deadline is None else _wait(self.cluster, self.started, self.deadline)
        return ResumeResult(
            (*self.resumed, *map(reference_of, pods)),
            tuple(self.problems),
            tuple(not_ready),
            tuple(self.gone),
        )

    def _believe(self, lost: Sequence[QuiescedWorkload], entries: dict[str, QuiescedWorkload]) -> None:
        """Add what the record alone knows to what is to be started."""
        for one in lost:
            problem, gone = _from_record(self.cluster, self.served, one, entries)
            self.problems += problem
            self.gone += gone

    def _start_waves(self, entries: dict[str, QuiescedWorkload]) -> None:
        for wave in sorted({entry.wave for entry in entries.values()}, reverse=True):
            names = [name for name, entry in entries.items() if entry.wave == wave]
            manifests: list[Manifest] = []
            patience = time.monotonic() + PATIENCE_SECONDS
            start = partial(_start_patiently, self.cluster, self.served, patience)
            for name, manifest, problem in self.cluster.each(start, [entries[name] for name in names]):
                if problem:
                    self.problems.append(problem)
                elif manifest is None:
                    self.gone.append(name)
                else:
                    self.resumed.append(name)
                    if entries[name].ready:
                        manifests.append(manifest)
            self.started += manifests
            if self.on_wave:
                self.on_wave(wave, names)
            if self.deadline is not None:
                _wait(self.cluster, manifests, min(self.deadline, time.monotonic() + WAVE_SECONDS))


def _kind_of(entry: QuiescedWorkload) -> tuple[str, str]:
    return ObjectReference.parse(entry.object).group_kind


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
) -> tuple[list[str], list[str]]:
    """Take over an object that lost its note, but only while it still stands where quiesce left it.

    :return: what stands against it; the object's name if it was deleted.
    """
    reference = ObjectReference.parse(lost.object)
    resource = served.find(reference.group, reference.kind)
    if resource is None:
        return [f"{lost.object}: its kind is not served any more"], []
    try:
        current = cluster.get(resource.path(reference.namespace, reference.name), what=f"read {lost.object}")
    except NotFound:
        return [], [lost.object]
    except ApiError as error:
        return [str(error)], []
    current |= {"apiVersion": resource.api_version, "kind": resource.kind}
    suspension = suspension_of(current)
    if suspension is not None and suspension.remember(current) is None:
        entries[lost.object] = lost
    return [], []


def _start_patiently(
    cluster: Cluster, served: Discovery, patience: float, entry: QuiescedWorkload
) -> tuple[str, Manifest | None, str | None]:
    """Start one object; return its name with what it is now, or with what stands against it; gone: neither.

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
        return entry.object, None, None
    return entry.object, started, None


def _wait(cluster: Cluster, manifests: list[Manifest], deadline: float) -> list[str]:
    while True:
        result = readiness(cluster, manifests)
        if result.ready or time.monotonic() > deadline:
            return [str(one) for one in result.not_ready]
        time.sleep(1)
