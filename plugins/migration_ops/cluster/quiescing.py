"""Stops what runs in the source's namespaces, in waves, so that nothing writes to its volumes any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import tenacity

from migration_ops.cluster.attachments import attachments_of
from migration_ops.cluster.bare_pods import remove_bare_pods
from migration_ops.cluster.claims import Claim
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.disruption import forbidding_budgets
from migration_ops.cluster.errors import Conflict, NotFound, QuiesceError
from migration_ops.cluster.kinds import Discovery, discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.pods import list_pods, pods_holding, wait_until_gone, why_still_there
from migration_ops.cluster.podspec import holds_volumes
from migration_ops.cluster.quiesce_record import QuiescedWorkload, QuiesceRecord
from migration_ops.cluster.reference import Manifest
from migration_ops.cluster.selection import Selection
from migration_ops.cluster.suspension import noted_state, stop_patch, suspension_of
from migration_ops.cluster.workloads import Running, Workload, find_running, into_waves, pods_of


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
    :param selection: leaves alone what its labels and names do not choose, unless that mounts a volume.
    :param timeout: seconds for everything together.
    :param wait_detached: wait also until no node has the volumes attached any more.
    :param disruption_budgets: stopping does not ask PodDisruptionBudgets; with ``respect`` nothing is stopped
        while one stands against it.
    :param on_record: called with the full record before the first stop: store it.
    :param on_wave: called with a wave's number and objects after its pods are gone.
    :return: the record, finished.
    :raises QuiesceError: when something stands against it; nothing was stopped then.
    :raises QuiesceTimeout: when pods are still there; call again, or `resume`.
    """
    return _Quiesce(cluster, tuple(namespaces), plan, run, timeout).run_all(
        claims=claims,
        waves=waves,
        selection=selection,
        wait_detached=wait_detached,
        disruption_budgets=disruption_budgets,
        on_record=on_record,
        on_wave=on_wave,
    )


class _Quiesce:
    def __init__(
        self, cluster: Cluster, namespaces: tuple[str, ...], plan: str, run: str, timeout: float
    ) -> None:
        self.cluster = cluster
        self.served: Discovery = discovery(cluster)
        self.namespaces = namespaces
        self.plan = plan
        self.run = run
        self.deadline = time.monotonic() + timeout
        self.is_first = True

    def run_all(
        self,
        *,
        claims: Sequence[Claim] | None,
        waves: Sequence[Sequence[str]] | None,
        selection: Selection | None,
        wait_detached: bool,
        disruption_budgets: str,
        on_record: Callable[[QuiesceRecord], None] | None,
        on_wave: Callable[[int, list[str]], None] | None,
    ) -> QuiesceRecord:
        """See `quiesce`."""
        chosen = _chooser(selection)
        running = find_running(self.cluster, self.served, self.namespaces, chosen)
        workloads = into_waves(running.workloads, waves)
        self.is_first = not any(noted_state(one.manifest) for one in workloads)
        if disruption_budgets == "respect":
            self._respect_budgets(workloads)
        record = self._record(workloads, running)
        if on_record:
            on_record(record)
        remove = [one for one in workloads if noted_state(one.manifest) or self._state(one.manifest)]
        for number in sorted({one.wave for one in remove}):
            wave = [one for one in remove if one.wave == number]
            for _ in self.cluster.each(self._stop, wave):
                pass
            self._wait_for_pods(wave)
            if on_wave:
                on_wave(number, [str(one.reference) for one in wave])
        self._remove_bare_pods(running)
        self._wait_for_volumes(claims, wait_detached=wait_detached)
        finished = record.as_dict() | {"finished": _now()}
        return QuiesceRecord.from_dict(finished)

    def _state(self, manifest: Manifest) -> dict[str, object] | None:
        suspension = suspension_of(manifest)
        return suspension.remember(manifest) if suspension else None

    def _was_ready(self, workload: Workload) -> bool:
        """What isn't ready in a later try may lack what an earlier one stopped."""
        return workload.is_ready or not self.is_first

    def _record(self, workloads: Sequence[Workload], running: Running) -> QuiesceRecord:
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
            elif (was := self._state(workload.manifest)) is not None:
                entries.append(QuiescedWorkload(name, workload.wave, was, self._was_ready(workload)))
        return QuiesceRecord(
            plan=self.plan,
            run=self.run,
            namespaces=self.namespaces,
            started=_now(),
            workloads=tuple(entries),
            bare_pods=tuple(
                f"v1/Pod/{p['metadata']['namespace']}/{p['metadata']['name']}" for p in running.bare_pods
            ),
            warnings=tuple(running.warnings),
        )

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(Conflict),
        wait=tenacity.wait_random(0, 0.5),
        stop=tenacity.stop_after_attempt(20),
        reraise=True,
    )
    def _stop(self, workload: Workload) -> None:
        """Stop one workload as it is now, which may be another state than when it was listed."""
        reference = workload.reference
        path = workload.resource.path(reference.namespace, reference.name)
        try:
            current: Manifest = self.cluster.get(path, what=f"read {reference}")
        except NotFound:
            return
        note = noted_state(current)
        if note is None:
            was = self._state(current)
            if was is None:
                return
            note = {"plan": self.plan, "run": self.run, "wave": workload.wave, "at": _now(), "was": was}
            if not self._was_ready(workload):
                note["ready"] = False
        try:
            self.cluster.patch(path, stop_patch(current, note), what=f"stop {reference}")
        except NotFound:
            return

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

        def look() -> list[str]:
            pods = list_pods(self.cluster, self.served, self.namespaces)
            return [why_still_there(pod) for pod in pods if pod["metadata"]["uid"] in names]

        wait_until_gone(look, self.deadline, f"pods without controller on {self.cluster.name}")

    def _wait_for_volumes(self, claims: Sequence[Claim] | None, *, wait_detached: bool) -> None:
        wanted = self._claims() if claims is None else [(one.namespace, one.name) for one in claims]
        if not wanted:
            return

        def pods() -> list[str]:
            found = list_pods(self.cluster, self.served, {namespace for namespace, _ in wanted})
            return [why_still_there(pod) for pod in pods_holding(found, wanted)]

        wait_until_gone(pods, self.deadline, f"pods that hold volumes on {self.cluster.name}")
        if wait_detached:
            wait_until_gone(
                lambda: attachments_of(self.cluster, self.served, wanted),
                self.deadline,
                f"attached volumes on {self.cluster.name}",
            )

    def _claims(self) -> list[tuple[str, str]]:
        resource = self.served.find("", "PersistentVolumeClaim")
        if resource is None:
            return []
        return [
            (namespace, one["metadata"]["name"])
            for namespace in self.namespaces
            for one in list_objects(self.cluster, resource, namespace, metadata_only=True)
        ]

    def _respect_budgets(self, workloads: Sequence[Workload]) -> None:
        running = [one for one in workloads if self._state(one.manifest)]
        forbidding = forbidding_budgets(self.cluster, self.served, running)
        if forbidding:
            message = (
                f"PodDisruptionBudgets on {self.cluster.name} forbid to stop: {'; '.join(forbidding)}; "
                "set quiesce.disruption_budgets to override, or relax them"
            )
            raise QuiesceError(message)


def _chooser(selection: Selection | None) -> Callable[[Manifest], bool]:
    if selection is None:
        return lambda _: True

    def chosen(manifest: Manifest) -> bool:
        metadata = manifest["metadata"]
        return selection.takes_labels(metadata.get("labels") or {}) and selection.takes_name(metadata["name"])

    return chosen


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
