"""Stops what runs in the source's namespaces, in waves, so that nothing writes to its volumes any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from migration_ops.cluster.attachments import attachments_of
from migration_ops.cluster.bare_pods import remembered_pod, remove_bare_pods
from migration_ops.cluster.claims import Claim
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.disruption import respect_budgets
from migration_ops.cluster.errors import QuiesceError
from migration_ops.cluster.kinds import Discovery, discovery
from migration_ops.cluster.pods import list_pods, pods_holding, wait_until_gone, why_still_there
from migration_ops.cluster.podspec import holds_volumes
from migration_ops.cluster.quiesce_record import QuiescedWorkload, QuiesceRecord
from migration_ops.cluster.selection import Selection
from migration_ops.cluster.stop_list import ClaimName, claims_in, find_to_stop
from migration_ops.cluster.stop_one import now, state_of, stop_one
from migration_ops.cluster.suspension import noted_state
from migration_ops.cluster.workloads import TRIGGERS_WAVE, Running, Workload, into_waves, pods_of

LATE_SECONDS = 2.0
"""How often it is looked for what began to run after the list was made, while a pod holds a volume."""


def quiesce(
    cluster: Cluster,
    namespaces: Sequence[str],
    *,
    plan: str,
    run: str,
    claims: Sequence[Claim] | None = None,
    waves: Sequence[Sequence[str]] | None = None,
    selection: Selection | None = None,
    timeout: float = 600.0,
    wait_detached: bool = True,
    disruption_budgets: Literal["override", "respect"] = "override",
    on_record: Callable[[QuiesceRecord], None] | None = None,
    on_wave: Callable[[int, list[str]], None] | None = None,
) -> QuiesceRecord:
    """Stop all workloads of some namespaces and wait until no pod holds the volumes.

    May be repeated at any time: what is stopped already keeps the state that was remembered first.

    :param cluster: the source.
    :param namespaces: where to stop things.
    :param plan: our plan's name.
    :param run: this run's name.
    :param claims: volumes that must be free at the end; all claims of the namespaces when not given.
    :param waves: see `migration_ops.cluster.workloads.into_waves`.
    :param selection: leaves alone what its labels and names do not choose, unless that mounts one of the
        volumes.
    :param timeout: seconds for everything together.
    :param wait_detached: wait also until no node has the volumes attached any more.
    :param disruption_budgets: stopping does not ask PodDisruptionBudgets; with ``respect`` nothing is stopped
        while one stands against it.
    :param on_record: called with the full record before the first stop: store it. Called again with a longer
        one before anything else is stopped that began to run meanwhile, such as the Job of a CronJob.
    :param on_wave: called with a wave's number and objects after its pods are gone.
    :return: the record, finished.
    :raises QuiesceError: when something stands against it; nothing was stopped then.
    :raises QuiesceTimeout: when pods are still there; call again, or `resume`.
    """
    work = _Quiesce(cluster, tuple(namespaces), plan, run, selection, _names(claims), on_record)
    return work.run_all(
        waves=waves,
        deadline=time.monotonic() + timeout,
        wait_detached=wait_detached,
        disruption_budgets=disruption_budgets,
        on_wave=on_wave,
    )


def foresee_quiesce(
    cluster: Cluster,
    namespaces: Sequence[str],
    *,
    plan: str,
    run: str,
    claims: Sequence[Claim] | None = None,
    waves: Sequence[Sequence[str]] | None = None,
    selection: Selection | None = None,
) -> QuiesceRecord:
    """Return the record that `quiesce` would write if it began now; nothing is stopped.

    :param cluster: the source.
    :param namespaces: as for `quiesce`.
    :param plan: as for `quiesce`.
    :param run: as for `quiesce`.
    :param claims: as for `quiesce`.
    :param waves: as for `quiesce`.
    :param selection: as for `quiesce`.
    :raises QuiesceError: when something stands against it.
    """
    work = _Quiesce(cluster, tuple(namespaces), plan, run, selection, _names(claims))
    running = work.find()
    return work.record_of(into_waves(running.workloads, waves), running)


def _names(claims: Sequence[Claim] | None) -> tuple[ClaimName, ...] | None:
    return None if claims is None else tuple((one.namespace, one.name) for one in claims)


@dataclass
class _Quiesce:
    cluster: Cluster
    namespaces: tuple[str, ...]
    plan: str
    run: str
    selection: Selection | None = None
    claims: Sequence[ClaimName] | None = None
    on_record: Callable[[QuiesceRecord], None] | None = None

    def __post_init__(self) -> None:
        self.served: Discovery = discovery(self.cluster)
        self.volumes = (
            claims_in(self.cluster, self.served, self.namespaces) if self.claims is None else self.claims
        )
        self.deadline = 0.0
        self.is_first = True
        self.removed: set[str] = set()

    def find(self) -> Running:
        """Find what has to stop."""
        return find_to_stop(self.cluster, self.served, self.namespaces, self.selection, self.volumes)

    def run_all(
        self,
        *,
        waves: Sequence[Sequence[str]] | None,
        deadline: float,
        wait_detached: bool,
        disruption_budgets: str,
        on_wave: Callable[[int, list[str]], None] | None,
    ) -> QuiesceRecord:
        """See `quiesce`."""
        self.deadline = deadline
        running = self.find()
        workloads = into_waves(running.workloads, waves)
        self.is_first = not any(noted_state(one.manifest) for one in workloads)
        if disruption_budgets == "respect":
            respect_budgets(self.cluster, self.served, [one for one in workloads if state_of(one.manifest)])
        self.record = self.record_of(workloads, running)
        if self.on_record:
            self.on_record(self.record)
        remove = [one for one in workloads if noted_state(one.manifest) or state_of(one.manifest)]
        for number in sorted({one.wave for one in remove}):
            wave = [one for one in remove if one.wave == number]
            for _ in self.cluster.each(self._stop, wave):
                pass
            self._wait_for_pods(wave)
            if on_wave:
                on_wave(number, [str(one.reference) for one in wave])
        self._remove_bare_pods(running)
        self._wait_for_volumes(wait_detached=wait_detached)
        return replace(self.record, finished=now())

    def _was_ready(self, workload: Workload) -> bool:
        """What isn't ready in a later try may lack what an earlier one stopped."""
        return workload.is_ready or not self.is_first

    def record_of(self, workloads: Sequence[Workload], running: Running) -> QuiesceRecord:
        """Say what is stopped, and what it is now.

        :param workloads: in their waves.
        :param running: what was found.
        :raises QuiesceError: when another plan stopped one of them.
        """
        entries = []
        for workload in workloads:
            note = noted_state(workload.manifest)
            if note is not None and note["plan"] != self.plan:
                message = (
                    f"{workload.reference} on {self.cluster.name} is quiesced by plan {note['plan']}; "
                    "resume that plan first"
                )
                raise QuiesceError(message)
            name = str(workload.reference)
            if note is not None:
                entries.append(QuiescedWorkload.of_note(name, note))
            elif (was := state_of(workload.manifest)) is not None:
                entries.append(QuiescedWorkload(name, workload.wave, was, self._was_ready(workload)))
        return QuiesceRecord(
            plan=self.plan,
            run=self.run,
            namespaces=self.namespaces,
            started=now(),
            workloads=tuple(entries),
            bare_pods=tuple(
                f"v1/Pod/{p['metadata']['namespace']}/{p['metadata']['name']}" for p in running.bare_pods
            ),
            warnings=tuple(running.warnings),
            pods=tuple(remembered_pod(pod) for pod in running.bare_pods),
        )

    def _stop(self, workload: Workload) -> None:
        stop_one(self.cluster, workload, plan=self.plan, run=self.run, ready=self._was_ready(workload))

    def _wait_for_pods(self, wave: Sequence[Workload]) -> None:
        def look() -> list[str]:
            pods = list_pods(self.cluster, self.served, [one.reference.namespace for one in wave])
            return [why_still_there(pod) for pod in pods_of(wave, pods) if holds_volumes(pod)]

        wait_until_gone(look, self.deadline, f"pods of wave {wave[0].wave} on {self.cluster.name}")

    def _remove_bare_pods(self, running: Running) -> None:
        if not running.bare_pods:
            return
        remove_bare_pods(self.cluster, self.served, running.bare_pods, self.plan, self.run)
        names = {(pod["metadata"]["uid"]) for pod in running.bare_pods}
        self.removed |= names

        def look() -> list[str]:
            pods = list_pods(self.cluster, self.served, self.namespaces)
            return [why_still_there(pod) for pod in pods if pod["metadata"]["uid"] in names]

        wait_until_gone(look, self.deadline, f"pods without controller on {self.cluster.name}")

    def _wait_for_volumes(self, *, wait_detached: bool) -> None:
        wanted = self.volumes
        if not wanted:
            return
        looked = float("-inf")

        def pods() -> list[str]:
            nonlocal looked
            found = list_pods(self.cluster, self.served, {namespace for namespace, _ in wanted})
            holding = pods_holding(found, wanted)
            alive = any("deletionTimestamp" not in pod["metadata"] for pod in holding)
            if alive and time.monotonic() - looked >= LATE_SECONDS:
                looked = time.monotonic()
                self._stop_what_came_late()
            return [why_still_there(pod) for pod in holding]

        wait_until_gone(pods, self.deadline, f"pods that hold volumes on {self.cluster.name}")
        if wait_detached:
            wait_until_gone(
                lambda: attachments_of(self.cluster, self.served, wanted),
                self.deadline,
                f"attached volumes on {self.cluster.name}",
            )

    def _stop_what_came_late(self) -> None:
        """Stop what was made, or started again, after the list was made."""
        running = self.find()
        late = [replace(one, wave=TRIGGERS_WAVE) for one in running.workloads if state_of(one.manifest)]
        pods = [pod for pod in running.bare_pods if pod["metadata"]["uid"] not in self.removed]
        if not late and not pods:
            return
        longer = self.record.extended(self.record_of(late, replace(running, bare_pods=pods)))
        if longer != self.record:
            self.record = longer
            if self.on_record:
                self.on_record(longer)
        for _ in self.cluster.each(self._stop, late):
            pass
        remove_bare_pods(self.cluster, self.served, pods, self.plan, self.run)
        self.removed |= {pod["metadata"]["uid"] for pod in pods}
