"""Identities and credentials that belong to the source's cloud."""

from __future__ import annotations

import base64
import binascii
from fnmatch import fnmatchcase
from typing import Any

import orjson

from migration_ops.transform.adapters.cleanup import remove_volumes
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Manifest, Parts, containers, items_at, mapping_at
from migration_ops.transform.registry import adapter

INJECTION_LABEL = "pod-identity.alibabacloud.com/injection"
ROLE_ANNOTATION = "pod-identity.alibabacloud.com/role-name"


@adapter("label-identity-namespace")
def label_identity_namespace(draft: Draft, _base: Parts, context: Context) -> None:
    """Switch pod identity on in namespaces with a service account that gets a RAM role.

    :param draft: the Namespace.
    :param _base: unused.
    :param context: knows the accounts and the parameter `ram_roles`.
    """
    roles = context.param("ram_roles") or {}
    keys = context.param("identity_annotations") or ()
    name = draft.manifest["metadata"]["name"]
    if any(
        _gets_a_role(item, keys, roles)
        for item in context.objects
        if item["metadata"].get("namespace") == name
    ):
        draft.set(("metadata", "labels", INJECTION_LABEL), "on")


def _gets_a_role(item: Manifest, keys: Any, roles: Any) -> bool:
    if item["kind"] != "ServiceAccount":
        return False
    annotations = mapping_at(item, "metadata", "annotations")
    return ROLE_ANNOTATION in annotations or any(annotations.get(key) in roles for key in keys)


@adapter("strip-injected-identity")
def strip_injected_identity(draft: Draft, base: Parts, context: Context) -> None:
    """Remove volumes and variables that a webhook of the source injected into a pod.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the parameters `injected_volumes` and `injected_variables`.
    """
    volumes = items_at(draft.manifest, *base, "spec", "volumes")
    remove_volumes(
        draft,
        base,
        {str(item.get("name")) for item in volumes} & set(context.param("injected_volumes") or ()),
    )
    variables = set(context.param("injected_variables") or ())
    for container in containers(draft.manifest, base):
        place: Parts = (*container, "env")
        listed = items_at(draft.manifest, *place)
        for index in reversed(range(len(listed))):
            if listed[index].get("name") in variables:
                draft.remove((*place, index))
        if draft.get(place) == []:
            draft.remove(place)


@adapter("report-pull-secret")
def report_pull_secret(draft: Draft, _base: Parts, context: Context) -> None:
    """Report credentials for registries of the source's cloud.

    :param draft: a Secret of type kubernetes.io/dockerconfigjson.
    :param _base: unused.
    :param context: knows the parameter `cloud_registries` and the plan's mapping of registries.
    """
    try:
        config = orjson.loads(base64.b64decode(str(draft.get(("data", ".dockerconfigjson")) or "")))
        hosts = [str(host).removeprefix("https://").rstrip("/") for host in config.get("auths") or {}]
    except (binascii.Error, ValueError, AttributeError):
        return
    mapped = [prefix.partition("/")[0] for prefix in context.parameters.image_registries]
    theirs = [
        host
        for host in hosts
        if host in mapped or any(fnmatchcase(host, glob) for glob in context.param("cloud_registries") or ())
    ]
    if theirs:
        draft.find(
            "warning",
            f"it holds credentials for {', '.join(theirs)}, which don't open the target's registry",
            "fill it with credentials for the target's registry, or install aliyun-acr-credential-helper",
        )


@adapter("strip-platform-pull-secrets")
def strip_platform_pull_secrets(draft: Draft, base: Parts, context: Context) -> None:
    """Remove references to pull Secrets that the source's platform makes in every namespace.

    :param draft: the object.
    :param base: the pod template, or a ServiceAccount.
    :param context: knows the parameter `platform_pull_secrets`.
    """
    names = set(context.param("platform_pull_secrets") or ())
    place: Parts = (*base, "imagePullSecrets")
    if draft.manifest["kind"] != "ServiceAccount":
        place = (*base, "spec", "imagePullSecrets")
    listed = items_at(draft.manifest, *place)
    for index in reversed(range(len(listed))):
        if listed[index].get("name") in names:
            draft.remove((*place, index))
    if draft.get(place) == []:
        draft.remove(place)
