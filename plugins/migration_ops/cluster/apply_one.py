"""Applies one object and says what became of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import tenacity

from migration_ops.cluster.answers import JSON
from migration_ops.cluster.broken_trials import NotJudged, judged
from migration_ops.cluster.connection import APPLY_PATCH, Cluster
from migration_ops.cluster.errors import ApiError, ClusterError, ClusterUnreachable, NotFound
from migration_ops.cluster.existing import Decision
from migration_ops.cluster.former_notes import FormerNotes
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.marks import (
    FIELD_MANAGER,
    FORMER,
    PLAN_LABEL,
    UPDATED_BY,
    UPDATED_LABEL,
    applied_at,
    former_state,
    is_copy,
    keep_maker,
    made_by,
    mark_made,
    mark_updated,
    pack_former,
    remember,
    updated_by,
)
from migration_ops.cluster.merging import what_stays
from migration_ops.cluster.recreating import TOO_LARGE, Recreation, try_out
from migration_ops.cluster.reference import Manifest, ObjectReference, annotations_of, copy_of
from migration_ops.cluster.refusals import explain, worth_waiting

Action = Literal["created", "updated", "unchanged", "skipped", "failed"]

NEVER_APPLIED: dict[tuple[str, str], str] = {
    ("", "Node"): "nodes belong to their cluster",
    ("", "Event"): "events belong to their cluster",
    ("storage.k8s.io", "VolumeAttachment"): "attachments belong to their cluster",
    ("storage.k8s.io", "CSINode"): "nodes belong to their cluster",
}


METADATA_ANSWER = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""What was sent need not come back: metadata tells whether anything changed."""

TRIAL_SECONDS = 10.0
"""For so long a dry run's request is repeated before it is asked whether the server is away at all."""

PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


def reason_never_to_apply(manifest: Manifest) -> str | None:
    """Return why an object is not applied whatever the policies say, or ``None`` when it may be.

    A volume that somebody made by hand, such as an NFS export that both clusters reach, is applied; one that
    the source's cloud made for a claim is not.

    :param manifest: the object.
    """
    reference = ObjectReference.of(manifest)
    if reference.group_kind == ("", "PersistentVolume") and PROVISIONED_BY in annotations_of(manifest):
        return "its claim gets a new volume in the target"
    return NEVER_APPLIED.get(reference.group_kind)


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """What became of one object.

    :param object: its reference.
    :param action: what was done (in a dry run: what would be done).
    :param message: why skipped, the server's refusal, or what an update left of the object that was there.
    :param uid: the object's UID in the target, when it is there.
    :param former: what an updated or recreated object was before; for the journal, so that rollback can put
        it back.
    """

    object: str
    action: Action
    message: str = ""
    uid: str = ""
    former: Manifest | None = None

    def renamed(self, name: str) -> ObjectResult:
        """Return the result under another object's name.

        :param name: the reference to show.
        """
        return self if self.object == name else dataclasses.replace(self, object=name)


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """What is the same for all objects of one application; see `migration_ops.cluster.applying.apply`."""

    plan: str
    run: str
    dry_run: bool = False
    patience_seconds: float = 60.0


def apply_one(
    cluster: Cluster,
    served: Discovery,
    manifest: Manifest,
    *,
    decision: Decision,
    why: str,
    found: Mapping[str, Any] | None,
    settings: ApplySettings,
    deadline: float,
    notes: FormerNotes,
) -> ObjectResult:
    """Do with one object what was decided.

    :param cluster: the target.
    :param served: what it serves.
    :param manifest: stripped for applying.
    :param decision: of `migration_ops.cluster.existing.decide`.
    :param why: the decision's reason.
    :param found: metadata of what is in the target, if something is.
    :param settings: of the application.
    :param deadline: of `time.monotonic`; until then it is tried again what the target is not ready for.
    :param notes: of the run, on what was deleted to be made anew.
    """
    reference = ObjectReference.of(manifest)
    if decision in {"skip", "fail"}:
        action: Action = "skipped" if decision == "skip" else "failed"
        return ObjectResult(str(reference), action, why, uid=str((found or {}).get("uid", "")))
    resource = served.for_object(reference)
    if resource is None:
        message = (
            f"{cluster.name} does not serve {reference.api_version}/{reference.kind}; "
            "convert the object, or install what defines its kind"
        )
        return ObjectResult(str(reference), "failed", message)
    recreation = Recreation(cluster, resource, reference, settings.patience_seconds, notes)
    step = _Step(cluster, resource, reference, settings, recreation)
    try:
        return step.retried(manifest, decision, found, deadline)
    except (ApiError, ClusterUnreachable) as error:
        if settings.dry_run and isinstance(error, NotJudged):
            return ObjectResult(str(reference), "skipped", str(error))
        message = explain(error, decision) + recreation.give_up()
        return ObjectResult(str(reference), "failed", message, former=recreation.former)


@dataclass(frozen=True, slots=True)
class _Step:
    cluster: Cluster
    resource: ApiResource
    reference: ObjectReference
    settings: ApplySettings
    recreation: Recreation

    def retried(
        self, manifest: Manifest, decision: Decision, found: Mapping[str, Any] | None, deadline: float
    ) -> ObjectResult:
        try:
            return self.once(manifest, decision, found)
        except ClusterError as error:
            patience = deadline - time.monotonic()
            if self.settings.dry_run or patience <= 0 or not worth_waiting(error):
                raise
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_waiting),
            wait=tenacity.wait_random_exponential(multiplier=0.3, max=5),
            stop=tenacity.stop_after_delay(patience),
            reraise=True,
        )(self.once, manifest, decision, found)

    def once(self, manifest: Manifest, decision: Decision, found: Mapping[str, Any] | None) -> ObjectResult:
        if decision in {"create", "resume"}:
            return self._ours(manifest, found)
        current = self._current()
        begun = self.recreation.former
        if begun is not None and (current is None or self._made(current)):
            return self._made_anew(manifest, begun)
        if current is None:
            return self._ours(manifest, None)
        if decision == "recreate":
            return self._recreate(manifest, current)
        return self._update(manifest, current)

    def _ours(self, manifest: Manifest, found: Mapping[str, Any] | None) -> ObjectResult:
        mark_made(manifest, self.settings.plan, self.settings.run)
        # Of an object that an earlier try recreated, or a later run updated.
        for field, keys in (("annotations", (FORMER, UPDATED_BY)), ("labels", (UPDATED_LABEL,))):
            for key in keys:
                if note := ((found or {}).get(field) or {}).get(key):
                    manifest["metadata"].setdefault(field, {})[key] = note
        note = self.recreation.notes.get(self.reference)
        if note is not None:  # an earlier try was killed between deleting and making anew
            if found is None:
                self.recreation.former = note.former
            if FORMER not in (manifest["metadata"].get("annotations") or {}):
                mark_updated(manifest, self.settings.plan, self.settings.run, pack_former(note.former))
            return self._made_anew(manifest, note.former)
        applied = self._send(manifest)
        if found is None:
            return self._result("created", applied)
        return self._result("unchanged" if _same(found, applied) else "updated", applied)

    def _update(self, manifest: Manifest, current: Manifest) -> ObjectResult:
        plan, run = self.settings.plan, self.settings.run
        keep_maker(manifest, current)
        hint = ""
        if updated_by(current, plan, run):
            notes = current["metadata"]["annotations"]
            mark_updated(manifest, plan, run, notes.get(FORMER))
            former = None
        else:
            merged = self._send(copy_of(manifest), dry_run=True, accept=JSON)
            if former_state(merged) == former_state(current):
                return self._result("unchanged", current)  # nor is it marked: there is nothing to undo
            former, packed = remember(current)
            ours = made_by(current["metadata"], plan) and not is_copy(current, PLAN_LABEL)
            hint = "" if ours else what_stays(manifest, merged)
            if packed is None and not ours:
                return ObjectResult(str(self.reference), "failed", TOO_LARGE)
            mark_updated(manifest, plan, run, packed)
        applied = self._send(manifest)
        before = current["metadata"] | {"appliedAt": applied_at(current["metadata"])}
        result = self._result("unchanged" if _same(before, applied) else "updated", applied, former)
        return dataclasses.replace(result, message=hint)

    def _recreate(self, manifest: Manifest, current: Manifest) -> ObjectResult:
        former, packed = remember(current)
        if self.recreation.former is None:
            if packed is None:
                return ObjectResult(str(self.reference), "failed", TOO_LARGE)
            mark_made(manifest, self.settings.plan, self.settings.run)
            mark_updated(manifest, self.settings.plan, self.settings.run, packed)
            try_out(manifest, lambda trial: self._send(trial, dry_run=True))
        if not self.settings.dry_run:
            self.recreation.delete(current, former)
        return self._made_anew(manifest, self.recreation.former or former)

    def _made_anew(self, manifest: Manifest, former: Manifest) -> ObjectResult:
        applied = self._send(manifest)
        if not self.settings.dry_run:
            self.recreation.notes.remove(self.reference)  # the object holds its record by now
        return self._result("updated", applied, former)

    def _made(self, current: Manifest) -> bool:
        return made_by(current["metadata"], self.settings.plan, self.settings.run)

    def _current(self) -> Manifest | None:
        path = self.resource.path(self.reference.namespace, self.reference.name)
        try:
            current: Manifest = self.cluster.get(path, what=f"read {self.reference}")
        except NotFound:
            return None
        return current

    def _send(self, manifest: Manifest, *, dry_run: bool = False, accept: str = METADATA_ANSWER) -> Manifest:
        query: dict[str, str | int | bool] = {"fieldManager": FIELD_MANAGER, "force": True}
        trial = dry_run or self.settings.dry_run
        if trial:
            query["dryRun"] = "All"
        path = self.resource.path(
            self.reference.namespace, manifest["metadata"].get("name") or self.reference.name
        )

        def send() -> Manifest:
            answer: Manifest = self.cluster.patch(
                path,
                manifest,
                content_type=APPLY_PATCH,
                query=query,
                accept=accept,
                what=f"apply {self.reference}",
                retry_seconds=TRIAL_SECONDS if trial else None,
            )
            return answer

        return judged(self.cluster, self.reference, send) if trial else send()

    def _result(self, action: Action, applied: Manifest, former: Manifest | None = None) -> ObjectResult:
        return ObjectResult(str(self.reference), action, "", applied["metadata"].get("uid", ""), former)


def _same(before: Mapping[str, Any], applied: Manifest) -> bool:
    """Whether applying changed nothing. A status written meanwhile changes the version, but not our time."""
    metadata = applied["metadata"]
    if metadata.get("resourceVersion") == before.get("resourceVersion"):
        return True
    return before.get("appliedAt") is not None and before["appliedAt"] == applied_at(metadata)
