"""Undoes one run in a target: deletes exactly what it made, puts back what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import tenacity

from migration_ops.cluster.apply_one import ObjectResult
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.definitions import CUSTOM_RESOURCE_DEFINITION
from migration_ops.cluster.deletion import delete_and_wait
from migration_ops.cluster.errors import ApiError, ClusterUnreachable, Conflict, NotFound
from migration_ops.cluster.former_notes import FormerNote, FormerNotes
from migration_ops.cluster.kinds import ApiResource, Discovery, discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import (
    RUN_LABEL,
    UPDATED_BY,
    UPDATED_LABEL,
    former_of,
    former_state,
    is_copy,
    made_by,
    run_selector,
    updated_by,
)
from migration_ops.cluster.reading import in_a_version_that_answers
from migration_ops.cluster.recreating import make, make_patiently, try_out
from migration_ops.cluster.reference import Manifest, ObjectReference, annotations_of
from migration_ops.cluster.remains import foreign_content
from migration_ops.cluster.settling import settle
from migration_ops.cluster.versions import reading_versions
from migration_ops.cluster.waves import wave_of


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """What became of a run's objects.

    :param deleted: references of what was deleted.
    :param restored: references of what was put back to its former state.
    :param kept: (reference, reason) of what was left on purpose.
    :param problems: what could not be undone, in words; empty when the rollback is complete.
    :param copies: references of what carries the run's labels, but was made by somebody else; left alone.
    """

    deleted: tuple[str, ...]
    restored: tuple[str, ...]
    kept: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


def roll_back(
    cluster: Cluster,
    *,
    plan: str,
    run: str,
    results: Iterable[ObjectResult] = (),
    keep_claims: bool = False,
    timeout: float = 120.0,
    on_object: Callable[[str, str], None] | None = None,
) -> RollbackResult:
    """Delete what a run made and put back what it updated or recreated. May be repeated.

    A namespace or definition that the run made stays when something of others lies in it by now.

    :param cluster: the target.
    :param plan: the plan's name.
    :param run: the run's name.
    :param results: of `apply`, from the journal; needed only for former states too large for an annotation.
    :param keep_claims: leave claims (and their namespaces), e.g. to keep what was staged.
    :param timeout: seconds to wait for each object to be gone.
    :param on_object: called with each object and what was done.
    :raises ClusterError: when the API server cannot be reached.
    """
    undoing = _Rollback(cluster, plan, run, timeout, keep_claims=keep_claims)
    undoing.formers = {one.object: one.former for one in results if one.former is not None}
    undoing.on_object = on_object
    return undoing.run_all()


class _Rollback:
    def __init__(self, cluster: Cluster, plan: str, run: str, timeout: float, *, keep_claims: bool) -> None:
        self.cluster = cluster
        self.plan = plan
        self.run = run
        self.timeout = timeout
        self.keep_claims = keep_claims
        self.formers: dict[str, Manifest] = {}
        self.on_object: Callable[[str, str], None] | None = None
        self.served: Discovery = discovery(cluster, refresh=True)
        self.notes = FormerNotes(cluster, self.served, plan, run)
        self.deleted: list[str] = []
        self.restored: list[str] = []
        self.kept: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self.copies: list[str] = []

    def run_all(self) -> RollbackResult:
        self.notes.load()
        made = self._originals(self._list(run_selector(self.plan, self.run)), RUN_LABEL)
        marked = self._originals(
            [one for one in self._list(UPDATED_LABEL) if self._has_changed(one)], UPDATED_LABEL
        )
        changed = [one for one in marked if updated_by(one, self.plan, self.run)]
        mine = {ObjectReference.of(one).identity for one in made}
        for manifest in marked:
            if ObjectReference.of(manifest).identity not in mine and manifest not in changed:
                self._keep_as_updated_later(manifest)
        waves = sorted({wave_of(ObjectReference.of(one)) for one in made}, reverse=True)
        for number in waves:
            wave = [one for one in made if wave_of(ObjectReference.of(one)) == number]
            for _ in self.cluster.each(self._delete, wave):
                pass
        for manifest in changed:
            if ObjectReference.of(manifest).identity not in mine:
                self._put_back(manifest)
        for note in self.notes:
            if ObjectReference.of(note.former).identity not in mine:
                self._settle(note)
        return RollbackResult(
            tuple(self.deleted),
            tuple(self.restored),
            tuple(self.kept),
            tuple(self.problems),
            tuple(sorted(set(self.copies))),
        )

    def _has_changed(self, manifest: Manifest) -> bool:
        return former_of(manifest, self.plan, self.run) is not None or updated_by(
            manifest, self.plan, self.run
        )

    def _keep_as_updated_later(self, manifest: Manifest) -> None:
        """What another run put on top must go first: it remembers this run's state."""
        later = annotations_of(manifest).get(UPDATED_BY, "")
        plan, _, run = later.partition("/")
        reason = f"was updated again by run {run} of plan {plan}; roll that back first, then this once more"
        self.kept.append((str(ObjectReference.of(manifest)), reason))

    def _originals(self, found: list[Manifest], label: str) -> list[Manifest]:
        """Leave out what others copied from objects of ours, labels and all."""
        kept = []
        for one in found:
            if is_copy(one, label):
                self.copies.append(str(ObjectReference.of(one)))
            else:
                kept.append(one)
        return kept

    def _list(self, selector: str) -> list[Manifest]:
        kinds = [one for one in reading_versions(self.served) if {"list", "delete"} <= set(one.verbs)]

        def one_kind(resource: ApiResource) -> list[Manifest]:
            try:
                found, _, _ = in_a_version_that_answers(
                    self.cluster,
                    self.served,
                    resource,
                    lambda version: list_objects(self.cluster, version, label_selector=selector),
                )
            except (ApiError, ClusterUnreachable) as error:
                if isinstance(error, NotFound):
                    return []
                self.problems.append(str(error))
                return []
            return found

        return [manifest for listed in self.cluster.each(one_kind, kinds) for manifest in listed]

    def _delete(self, manifest: Manifest) -> None:
        reference = ObjectReference.of(manifest)
        if reason := self._reason_to_keep(reference):
            self.kept.append((str(reference), reason))
            return
        resource = self.served.for_object(reference)
        if resource is None:
            return
        former = self._former(reference, manifest)
        try:
            if former is not None:
                self._try_to_make(resource, former)
                self.notes.write(reference, former, manifest["metadata"]["uid"])
            delete_and_wait(
                self.cluster,
                resource,
                reference,
                uid=manifest["metadata"]["uid"],
                timeout_seconds=self.timeout,
            )
        except (ApiError, ClusterUnreachable) as error:
            self.problems.append(str(error))
            return
        self.deleted.append(str(reference))
        if self.on_object:
            self.on_object(str(reference), "deleted")
        if former is not None:
            self._make_again(resource, former, manifest)

    def _former(self, reference: ObjectReference, manifest: Manifest) -> Manifest | None:
        recorded = self.formers.get(str(reference)) or former_of(manifest, self.plan, self.run)
        note = self.notes.get(reference)
        return recorded or (note.former if note is not None else None)

    def _reason_to_keep(self, reference: ObjectReference) -> str | None:
        if self.keep_claims and reference.group_kind == ("", "PersistentVolumeClaim"):
            return "claims are kept"
        if reference.group_kind in {("", "Namespace"), CUSTOM_RESOURCE_DEFINITION}:
            content = foreign_content(self.cluster, self.served, reference)
            if content:
                return f"holds {', '.join(content[:5])}" + (" and more" if len(content) > 5 else "")
        return None

    def _try_to_make(self, resource: ApiResource, former: Manifest) -> None:
        """Find out before anything is deleted whether the former object would be refused."""
        try_out(former, lambda trial: make(self.cluster, resource, trial, dry_run=True))

    def _make_again(self, resource: ApiResource, former: Manifest, manifest: Manifest) -> None:
        """Make a recreated object again as it was; without success keep what says what it was."""
        reference = ObjectReference.of(former)
        try:
            make_patiently(self.cluster, resource, former, self.timeout)
        except (ApiError, ClusterUnreachable) as error:
            try:
                make(self.cluster, resource, former_state(manifest, marks=True))
            except (ApiError, ClusterUnreachable) as second:
                self.problems.append(f"{error}; nor could what the run made be kept: {second}")
            else:
                self.problems.append(f"{error}; what the run made is there again: roll back once more")
            return
        self._put(reference)
        self.notes.remove(reference)

    def _settle(self, note: FormerNote) -> None:
        """Make again what was deleted by a process that was killed before it could go on."""
        reference = ObjectReference.of(note.former)
        resource = self.served.for_object(reference)
        if resource is None:
            self.problems.append(f"{reference} is not served any more; what it was lies in {note}")
            return
        try:
            outcome = settle(self.cluster, resource, note, self.timeout)
        except (ApiError, ClusterUnreachable) as error:
            self.problems.append(f"{error}; what it was lies in {note}: roll back once more")
            return
        if outcome == "taken":
            reason = f"was made by somebody else meanwhile; what it was before the run lies in {note}"
            self.kept.append((str(reference), reason))
            return
        if outcome == "restored":
            self._put(reference)
        self.notes.remove(reference)

    def _put_back(self, manifest: Manifest) -> None:
        reference = ObjectReference.of(manifest)
        resource = self.served.for_object(reference)
        former = self._former(reference, manifest)
        if resource is not None and former is None and made_by(manifest["metadata"], self.plan):
            reason = "was made by an earlier run of this plan and is too large to be remembered"
            self.kept.append((str(reference), reason))
            return
        if resource is None or former is None:
            self.problems.append(f"{reference}: its former state is lost; it stays as the run left it")
            return
        try:
            self._replace(resource, reference, former)
        except (ApiError, ClusterUnreachable) as error:
            self.problems.append(str(error))
            return
        self._put(reference)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(Conflict), stop=tenacity.stop_after_attempt(10), reraise=True
    )
    def _replace(self, resource: ApiResource, reference: ObjectReference, former: Manifest) -> None:
        path = resource.path(reference.namespace, reference.name)
        current = self.cluster.get(path, what=f"read {reference}")
        if not updated_by(current, self.plan, self.run):
            return  # put back already, or taken over by somebody else
        version = current["metadata"]["resourceVersion"]
        body = former_state(former, marks=True)
        body["metadata"]["resourceVersion"] = version
        self.cluster.request("PUT", path, body=body, what=f"put {reference} back")

    def _put(self, reference: ObjectReference) -> None:
        self.restored.append(str(reference))
        if self.on_object:
            self.on_object(str(reference), "restored")
