"""Pods without a controller: nobody brings them back, so they are written down before they are deleted."""

from __future__ import annotations

import base64
import contextlib
import zlib
from collections.abc import Iterable, Sequence

import orjson

from migration_ops.cluster.connection import APPLY_PATCH, Cluster
from migration_ops.cluster.errors import AlreadyExists, ApiError, NotFound
from migration_ops.cluster.exclusions import OWN_LABEL
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import FIELD_MANAGER, label_value
from migration_ops.cluster.reference import Manifest, labels_of, reference_of
from migration_ops.cluster.stripping import strip_for_apply
from migration_ops.cluster.suspension import QUIESCED_BY

COMPONENT = "quiesced-pods"
"""Value of `OWN_LABEL` on the Secrets. Secrets, as a pod's environment may hold what is secret."""


def remove_bare_pods(
    cluster: Cluster, served: Discovery, pods: Sequence[Manifest], plan: str, run: str
) -> None:
    """Write pods down in a Secret of their own each, then delete them.

    :param cluster: the source.
    :param served: what it serves.
    :param pods: as listed.
    :param plan: our plan's name.
    :param run: this run's name.
    """
    secrets, resource = served.find("", "Secret"), served.find("", "Pod")
    if secrets is None or resource is None:
        return
    for pod in pods:
        metadata = pod["metadata"]
        name = f"migration-ops-pod-{metadata['uid']}"
        packed = base64.b64encode(zlib.compress(orjson.dumps(pod))).decode()
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": {OWN_LABEL: COMPONENT, QUIESCED_BY: label_value(plan)},
                "annotations": {"migration-ops.io/pod": metadata["name"], "migration-ops.io/run": run},
            },
            "data": {"pod": packed},
        }
        cluster.patch(
            secrets.path(metadata["namespace"], name),
            secret,
            content_type=APPLY_PATCH,
            query={"fieldManager": FIELD_MANAGER, "force": True},
            what=f"write down {reference_of(pod)}",
        )
        try:
            cluster.request(
                "DELETE",
                resource.path(metadata["namespace"], metadata["name"]),
                body={"preconditions": {"uid": metadata["uid"]}},
                what=f"delete {reference_of(pod)}",
            )
        except NotFound:
            continue


def remembered_pod(pod: Manifest) -> Manifest:
    """Return of a pod what it takes to make it again and to know how it was, for the journal.

    :param pod: as listed.
    """
    metadata = {key: value for key, value in pod["metadata"].items() if key != "managedFields"}
    status = {
        key: value for key, value in (pod.get("status") or {}).items() if key in {"phase", "conditions"}
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"], "status": status}


def packed_pod(secret: Manifest) -> Manifest | None:
    """Return the pod that a Secret of ours holds; ``None`` for any other Secret.

    :param secret: as listed.
    """
    if labels_of(secret).get(OWN_LABEL) != COMPONENT:
        return None
    pod: Manifest = orjson.loads(zlib.decompress(base64.b64decode(secret["data"]["pod"])))
    return pod | {"apiVersion": "v1", "kind": "Pod"}


def written_down(
    cluster: Cluster, served: Discovery, namespaces: Iterable[str] | None = None, plan: str | None = None
) -> list[tuple[Manifest, Manifest]]:
    """Return the Secrets and the pods in them.

    :param cluster: the source.
    :param served: what it serves.
    :param namespaces: where to look; everywhere when not given.
    :param plan: only this plan's.
    """
    secrets = served.find("", "Secret")
    if secrets is None:
        return []
    selector = f"{OWN_LABEL}={COMPONENT}" + (f",{QUIESCED_BY}={label_value(plan)}" if plan else "")
    found: list[tuple[Manifest, Manifest]] = []
    for namespace in [None] if namespaces is None else list(namespaces):
        for secret in list_objects(cluster, secrets, namespace, label_selector=selector):
            pod = packed_pod(secret)
            if pod is not None:
                found.append((secret, pod))
    return found


def bring_back(
    cluster: Cluster, served: Discovery, plan: str, remembered: Sequence[Manifest] = ()
) -> tuple[list[Manifest], list[str]]:
    """Make the pods again that a plan's quiesce deleted.

    :param cluster: the source.
    :param served: what it serves.
    :param plan: our plan's name.
    :param remembered: pods of the journal, should their Secrets be lost.
    :return: the pods that were made, as they were before; what was refused, with the reason. Their notes
        stay.
    """
    resource, secrets = served.find("", "Pod"), served.find("", "Secret")
    made: list[Manifest] = []
    refused: list[str] = []
    if resource is None or secrets is None:
        return made, refused
    noted: list[tuple[Manifest | None, Manifest]] = []
    try:
        noted += written_down(cluster, served, plan=plan)
    except ApiError as error:
        refused.append(str(error))
    known = {pod["metadata"].get("uid") for _, pod in noted}
    noted += [(None, pod) for pod in remembered if pod["metadata"].get("uid") not in known]
    for secret, pod in noted:
        try:
            if _make_again(cluster, resource, pod):
                made.append(pod)
            if secret is not None:
                path = secrets.path(pod["metadata"]["namespace"], secret["metadata"]["name"])
                _forget(cluster, path)
        except _StillGoing:
            refused.append(f"{reference_of(pod)} is still shutting down, and is made again after that")
        except ApiError as error:
            refused.append(str(error))
    return made, refused


class _StillGoing(Exception):  # noqa: N818 (no error: it is to be tried again)
    """What quiesce deleted is still there."""


def _make_again(cluster: Cluster, resource: ApiResource, pod: Manifest) -> bool:
    """Make a pod; tell whether it was not there.

    :raises _StillGoing: while the one that was deleted shuts down: none of that name can be made.
    """
    namespace = pod["metadata"]["namespace"]
    clean = strip_for_apply(pod)
    if owners := pod["metadata"].get("ownerReferences"):
        clean["metadata"]["ownerReferences"] = owners  # it never left its cluster: they still hold
    try:
        cluster.request("POST", resource.path(namespace), body=clean, what=f"make {reference_of(pod)} again")
    except AlreadyExists:  # an earlier resume came this far, or what quiesce deleted is still there
        if _is_going(cluster, resource.path(namespace, pod["metadata"]["name"])):
            raise _StillGoing from None
        return False
    return True


def _forget(cluster: Cluster, path: str) -> None:
    with contextlib.suppress(NotFound):
        cluster.request("DELETE", path, what="delete the note of a pod")


def _is_going(cluster: Cluster, path: str) -> bool:
    try:
        return "deletionTimestamp" in cluster.get(path, what="read a pod")["metadata"]
    except NotFound:
        return True  # gone in the very moment: to be made
