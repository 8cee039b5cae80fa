"""Annotations and texts that became fields while their kind stayed the same."""

from __future__ import annotations

from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, containers, mapping_at
from migration_ops.transform.registry import adapter

SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
APPARMOR_FIELD_SINCE = "1.30"
TIME_ZONE_FIELD_SINCE = "1.27"
PROFILES = {
    "runtime/default": "RuntimeDefault",
    "docker/default": "RuntimeDefault",
    "unconfined": "Unconfined",
}


def _profile(text: str) -> dict[str, Any] | None:
    if text in PROFILES:
        return {"type": PROFILES[text]}
    kind, _, name = text.partition("/")
    return {"type": "Localhost", "localhostProfile": name} if kind == "localhost" and name else None


@adapter("seccomp-annotation-to-field")
def seccomp_to_field(draft: Draft, base: Parts, _context: Context) -> None:
    """Move a pod's seccomp annotation to its security context; a field that is there wins.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    place = (*base, "metadata", "annotations", SECCOMP)
    profile = _profile(str(draft.get(place)))
    draft.remove(place)
    field = (*base, "spec", "securityContext", "seccompProfile")
    if profile is not None and draft.get(field) is None:
        draft.set(field, profile)


@adapter("container-seccomp-annotations-to-fields")
def container_seccomp_to_fields(draft: Draft, base: Parts, _context: Context) -> None:
    """Move containers' seccomp annotations to their security contexts; a field that is there wins.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    _annotations_to_fields(draft, base, CONTAINER_SECCOMP, "seccompProfile")


@adapter("apparmor-annotations-to-fields")
def apparmor_to_fields(draft: Draft, base: Parts, context: Context) -> None:
    """Move containers' AppArmor annotations to fields, where the target has those.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the target.
    """
    if not context.served.has_field_since(APPARMOR_FIELD_SINCE):
        return
    _annotations_to_fields(draft, base, APPARMOR, "appArmorProfile")


def _annotations_to_fields(draft: Draft, base: Parts, prefix: str, field: str) -> None:
    """Move annotations that end with a container's name to a field of its security context."""
    for place in list(containers(draft.manifest, base)):
        annotation = (*base, "metadata", "annotations", prefix + str(draft.get((*place, "name"))))
        profile = _profile(str(draft.get(annotation)))
        target = (*place, "securityContext", field)
        if profile is not None and draft.get(target) is None:
            draft.set(target, profile)
    annotations = mapping_at(draft.manifest, *base, "metadata", "annotations")
    for key in [key for key in annotations if key.startswith(prefix)]:
        draft.remove((*base, "metadata", "annotations", key))


@adapter("schedule-zone-to-field")
def schedule_zone_to_field(draft: Draft, _base: Parts, context: Context) -> None:
    """Move a time zone from a CronJob's schedule to its field, where the target has that.

    :param draft: the CronJob.
    :param _base: unused.
    :param context: knows the target.
    """
    if not context.served.has_field_since(TIME_ZONE_FIELD_SINCE):
        return
    zone, _, schedule = str(draft.get(("spec", "schedule"))).partition(" ")
    draft.set(("spec", "schedule"), schedule.strip())
    if draft.get(("spec", "timeZone")) is None:
        draft.set(("spec", "timeZone"), zone.partition("=")[2])
