"""Brings objects into a target: in waves, by server-side apply; a second run only adds what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from migration_ops.cluster.apply_one import ApplySettings, ObjectResult, apply_one, reason_never_to_apply
from migration_ops.cluster.backends import backends_of, wait_for_backends
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.definitions import CUSTOM_RESOURCE_DEFINITION, wait_established
from migration_ops.cluster.dry_run import DryRun, foreseen_refusal
from migration_ops.cluster.existing import ExistingIndex, Policies, decide
from migration_ops.cluster.former_notes import FormerNotes
from migration_ops.cluster.kinds import discovery
from migration_ops.cluster.ownership import Ownership
from migration_ops.cluster.reference import Manifest, ObjectReference
from migration_ops.cluster.stripping import AddressPolicy, strip_for_apply
from migration_ops.cluster.waiting import wait_ready
from migration_ops.cluster.waves import STATEFUL, in_start_order, in_waves


def apply(
    cluster: Cluster,
    objects: Iterable[Manifest],
    *,
    plan: str,
    run: str,
    existing: Policies = "skip",
    dry_run: bool = False,
    addresses: AddressPolicy = AddressPolicy(),  # noqa: B008 (frozen)
    keep_finalizers: Sequence[str] = (),
    start_order: Sequence[Sequence[str]] = (),
    patience_seconds: float = 60.0,
    on_result: Callable[[ObjectResult], None] | None = None,
) -> list[ObjectResult]:
    """Apply a set of objects.

    Failures of single objects are results, not exceptions: everything that can be applied is, and a repeated
    call does what is missing. Objects whose owner is in the set follow their owner and are owned by it again.

    :param cluster: the target.
    :param objects: manifests, adapted to the target, in any order.
    :param plan: our plan's name, for labels.
    :param run: this run's name, for labels.
    :param existing: what to do with objects of the same name that this plan did not make: ``skip`` leaves
        them, ``update`` applies over them and remembers their former state, ``recreate`` deletes and makes
        them anew, ``fail`` applies nothing at all if there is one. May be given per kind.
    :param dry_run: let the API server judge everything, change nothing.
    :param addresses: which of the source's allocated addresses to keep.
    :param keep_finalizers: globs of finalizers whose controllers run in the target; the others are stripped.
    :param start_order: patterns ``kind/name`` of StatefulSets per group: each group is waited for, as long as
        patience lasts, before the next is made; those that no pattern names come last.
    :param patience_seconds: how long one object is retried while a webhook, operator or definition is not
        ready for it.
    :param on_result: called for each object as it is done, in the calling thread.
    :return: one result per object, in the order of applying.
    :raises ClusterError: when the API server cannot be reached.
    """
    settings = ApplySettings(plan=plan, run=run, dry_run=dry_run, patience_seconds=patience_seconds)
    strip = partial(strip_for_apply, addresses=addresses, keep_finalizers=keep_finalizers)
    application = _Application(cluster, settings, existing, strip, on_result)
    return application.run(list(objects), start_order)


class _Application:
    def __init__(
        self,
        cluster: Cluster,
        settings: ApplySettings,
        existing: Policies,
        strip: Callable[[Manifest], Manifest],
        on_result: Callable[[ObjectResult], None] | None,
    ) -> None:
        self.cluster = cluster
        self.settings = settings
        self.existing = existing
        self.strip = strip
        self.on_result = on_result
        self.served = discovery(cluster, refresh=True)
        self.index = ExistingIndex(cluster, self.served)
        self.notes = FormerNotes(cluster, self.served, settings.plan, settings.run)
        self.results: list[ObjectResult] = []

    def run(self, objects: list[Manifest], start_order: Sequence[Sequence[str]]) -> list[ObjectResult]:
        wanted = [one for one in objects if self._applicable(one)]
        self.index.load(wanted)
        if not self.settings.dry_run:
            self.notes.load({ObjectReference.of(one).namespace for one in wanted} - {""})
        if self._refused(wanted):
            return self.results
        self.ownership = Ownership(wanted)
        judge = DryRun(self.cluster, self.served, wanted) if self.settings.dry_run else None
        for name, wave in in_waves(wanted):
            groups = in_start_order(wave, start_order) if name == STATEFUL else [wave]
            for number, group in enumerate(groups, start=1):
                self._apply(self.ownership.ready(group), judge)
                if number < len(groups) and judge is None:
                    wait_ready(self.cluster, group, self.settings.patience_seconds)
        while followers := self.ownership.waiting(dry_run=self.settings.dry_run):
            self._apply(followers, judge)
        for manifest, owner in self.ownership.orphans():
            message = f"its owner {owner} could not be applied"
            self._done(ObjectResult(str(ObjectReference.of(manifest)), "failed", message))
        return self.results

    def _applicable(self, manifest: Manifest) -> bool:
        reference = ObjectReference.of(manifest)
        reason = reason_never_to_apply(manifest)
        if reason is not None:
            self._done(ObjectResult(str(reference), "skipped", reason))
        return reason is None

    def _refused(self, objects: Sequence[Manifest]) -> bool:
        """With policy ``fail`` nothing is touched when anything is in the way."""
        plan, run = self.settings.plan, self.settings.run
        in_the_way = set()
        for manifest in objects:
            reference = ObjectReference.of(manifest)
            decision, why = decide(reference, self.index.get(reference), self.existing, plan, run)
            if decision == "fail":
                in_the_way.add(str(reference))
                self._done(ObjectResult(str(reference), "failed", f"{why}, and the policy is to fail"))
        if in_the_way and not self.settings.dry_run:
            for manifest in objects:
                if (name := str(ObjectReference.of(manifest))) not in in_the_way:
                    message = "nothing was applied, since other objects are in the way"
                    self._done(ObjectResult(name, "skipped", message))
            return True
        return False

    def _apply(self, wave: list[Manifest], judge: DryRun | None) -> None:
        settings = self.settings
        failed = {result.object for result in self.results if result.action == "failed"}

        def one(manifest: Manifest) -> ObjectResult:
            reference = ObjectReference.of(manifest)
            found = self.index.get(reference)
            decision, why = decide(reference, found, self.existing, settings.plan, settings.run)
            clean = self.strip(manifest)
            self.ownership.restore(manifest, clean)
            if judge is not None and (verdict := judge.without_server(clean)) is not None:
                return verdict
            if judge is not None and decision == "recreate":
                refusal = foreseen_refusal(self.cluster, self.served, reference)
                if refusal is not None:
                    return ObjectResult(str(reference), "failed", refusal)
            if judge is not None:
                clean = judge.stand_in(clean, anew=decision == "recreate")
                decision = "create" if decision == "recreate" else decision
            result = apply_one(
                self.cluster,
                self.served,
                clean,
                decision=decision,
                why=why,
                found=found,
                settings=settings,
                deadline=deadline,
                notes=self.notes,
            )
            return result.renamed(str(reference))

        blocking = self._without_backend(wave)
        # Patience is shared by a wave: thousands of objects that one dead webhook refuses wait once.
        deadline = time.monotonic() + max(settings.patience_seconds, 0.05 * len(wave))
        done = failed | blocking
        for result in self.cluster.each(one, [m for m in wave if str(ObjectReference.of(m)) not in done]):
            self._done(result)
            self.ownership.record(result)
        definitions = [
            one for one in wave if ObjectReference.of(one).group_kind == CUSTOM_RESOURCE_DEFINITION
        ]
        if definitions and not settings.dry_run:
            names = [one["metadata"]["name"] for one in definitions]
            for name, reason in wait_established(self.cluster, names, settings.patience_seconds).items():
                self._amend(name, reason)
            self.served = discovery(self.cluster, refresh=True)
            self.index.use(self.served)

    def _without_backend(self, wave: Sequence[Manifest]) -> set[str]:
        """Leave out webhooks and API services that would block others, and say so."""
        watchers = [one for one in wave if backends_of(one)]
        if not watchers or self.settings.dry_run:
            return set()
        blocking = wait_for_backends(self.cluster, watchers, self.settings.patience_seconds)
        for name, reason in blocking.items():
            self._done(ObjectResult(name, "skipped", reason))
        return set(blocking)

    def _amend(self, definition: str, reason: str) -> None:
        for number, result in enumerate(self.results):
            if result.object.endswith(f"/CustomResourceDefinition//{definition}"):
                failed = ObjectResult(result.object, "failed", reason, result.uid, result.former)
                self.results[number] = failed
                if self.on_result:
                    self.on_result(failed)

    def _done(self, result: ObjectResult) -> None:
        self.results.append(result)
        if self.on_result:
            self.on_result(result)
