"""What a captured object carries of its source cluster and must lose."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, group_of, items_at, mapping_at
from migration_ops.transform.registry import adapter

AGENT_VOLUME = "kube-api-access-"


@adapter("strip-finalizers")
def strip_finalizers(draft: Draft, _base: Parts, context: Context) -> None:
    """Remove finalizers whose controller isn't in the target: all but `keep_finalizers`.

    :param draft: the object.
    :param _base: unused.
    :param context: knows the parameter: globs.
    """
    place = ("metadata", "finalizers")
    finalizers = draft.get(place)
    if not isinstance(finalizers, list):
        return
    globs = context.param("keep_finalizers") or []
    kept = [name for name in finalizers if any(fnmatchcase(str(name), glob) for glob in globs)]
    if kept and kept != finalizers:
        draft.set(place, kept)
    elif not kept:
        draft.remove(place)


@adapter("drop-platform-object")
def drop_platform_object(draft: Draft, _base: Parts, context: Context) -> None:
    """Leave out an object of a platform's namespace, unless the plan names that namespace.

    :param draft: the object, or the namespace itself.
    :param _base: unused.
    :param context: knows what the plan names.
    """
    metadata = draft.manifest["metadata"]
    is_namespace = draft.manifest["kind"] == "Namespace"
    namespace = metadata["name"] if is_namespace else metadata.get("namespace")
    if namespace not in context.parameters.named_namespaces:
        draft.drop("it belongs to the source's platform")


@adapter("strip-account-token-volumes")
def strip_account_token_volumes(draft: Draft, base: Parts, _context: Context) -> None:
    """Remove the token volume that the source injected into a pod.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    account = draft.get((*base, "spec", "serviceAccountName")) or "default"
    volumes = draft.get((*base, "spec", "volumes"))
    if not isinstance(volumes, list):
        return
    injected = {
        str(volume.get("name"))
        for volume in volumes
        if isinstance(volume, dict)
        and str(volume.get("name", "")).startswith((AGENT_VOLUME, f"{account}-token-"))
        and ("projected" in volume or "secret" in volume)
    }
    remove_volumes(draft, base, injected)


def remove_volumes(draft: Draft, base: Parts, names: set[str]) -> None:
    """Remove volumes of a pod with all their mounts.

    :param draft: the object.
    :param base: the pod template.
    :param names: the volumes.
    """
    if not names:
        return
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for number, container in enumerate(items_at(draft.manifest, *base, "spec", field)):
            for mounts in ("volumeMounts", "volumeDevices"):
                for index in reversed(range(len(items_at(container, mounts)))):
                    if container[mounts][index].get("name") in names:
                        draft.remove((*base, "spec", field, number, mounts, index))
                if container.get(mounts) == []:
                    draft.remove((*base, "spec", field, number, mounts))
    volumes = items_at(draft.manifest, *base, "spec", "volumes")
    for index in reversed(range(len(volumes))):
        if volumes[index].get("name") in names:
            draft.remove((*base, "spec", "volumes", index))
    if draft.get((*base, "spec", "volumes")) == []:
        draft.remove((*base, "spec", "volumes"))


# Kubernetes' own controllers make these again whether or not the owner comes along.
ALWAYS_MADE_AGAIN = frozenset(
    {"Pod", "ReplicaSet", "ControllerRevision", "EndpointSlice", "Endpoints", "Job"}
)
OWN_GROUPS = frozenset({"", "apps", "batch", "extensions"})
# Passwords and data must not be made anew, even when an operator owns them.
NEVER_MADE_AGAIN = frozenset({"Secret", "PersistentVolumeClaim"})


@adapter("drop-owned")
def drop_owned(draft: Draft, _base: Parts, context: Context) -> None:
    """Leave out what a controller makes again: children whose controller owner comes along.

    :param draft: an object with a controller owner.
    :param _base: unused.
    :param context: knows which objects come along.
    """
    kind = draft.manifest["kind"]
    if kind in NEVER_MADE_AGAIN:
        return
    for owner in items_at(draft.manifest, "metadata", "ownerReferences"):
        if owner.get("controller") is not True:
            continue
        always = kind in ALWAYS_MADE_AGAIN and group_of(str(owner.get("apiVersion", ""))) in OWN_GROUPS
        if always or _comes_along(owner, draft, context):
            draft.drop(f"its controller makes it again from {owner.get('kind')} {owner.get('name')}")
            return


@adapter("strip-foreign-owners")
def strip_foreign_owners(draft: Draft, _base: Parts, context: Context) -> None:
    """Remove references to owners that don't come along; the target would take the object for garbage.

    Other references keep the source's uid: who applies them puts in the target's, who writes files leaves
    them out.

    :param draft: the object.
    :param _base: unused.
    :param context: knows which objects come along.
    """
    owners = items_at(draft.manifest, "metadata", "ownerReferences")
    for index in reversed(range(len(owners))):
        if not _comes_along(owners[index], draft, context):
            draft.remove(("metadata", "ownerReferences", index))
    if not draft.get(("metadata", "ownerReferences")):
        draft.remove(("metadata", "ownerReferences"))


def _comes_along(owner: dict[str, Any], draft: Draft, context: Context) -> bool:
    group = group_of(str(owner.get("apiVersion", "")))
    namespaces = (draft.manifest["metadata"].get("namespace", ""), "")
    return any(
        (group, owner.get("kind"), namespace, owner.get("name")) in context.names for namespace in namespaces
    )


@adapter("drop-managed-endpoints")
def drop_managed_endpoints(draft: Draft, _base: Parts, context: Context) -> None:
    """Leave out Endpoints that the endpoint controller fills.

    :param draft: the Endpoints.
    :param _base: unused.
    :param context: knows the Services.
    """
    metadata = draft.manifest["metadata"]
    if mapping_at(metadata, "labels").get("migration-ops.io/managed-service"):
        return  # made for a managed service, whose Service has no selector any more
    if (metadata.get("namespace", ""), metadata["name"]) in context.services_with_selector:
        draft.drop("the endpoint controller makes it from the Service's selector")


@adapter("strip-account-secrets")
def strip_account_secrets(draft: Draft, _base: Parts, _context: Context) -> None:
    """Remove the Secrets that the source made for a ServiceAccount: tokens, its registry's credentials.

    :param draft: the account.
    :param _base: unused.
    :param _context: unused.
    """
    name = draft.manifest["metadata"]["name"]
    for field in ("secrets", "imagePullSecrets"):
        listed = items_at(draft.manifest, field)
        for index in reversed(range(len(listed))):
            if str(listed[index].get("name", "")).startswith((f"{name}-token-", f"{name}-dockercfg-")):
                draft.remove((field, index))
        if draft.get((field,)) == []:
            draft.remove((field,))
