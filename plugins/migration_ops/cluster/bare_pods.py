"""Pods without a controller: nobody brings them back, so they are written down before they are deleted."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Sequence

import orjson

from migration_ops.cluster.connection import APPLY_PATCH, Cluster
from migration_ops.cluster.errors import AlreadyExists, ApiError, NotFound
from migration_ops.cluster.exclusions import OWN_LABEL
from migration_ops.cluster.kinds import Discovery
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


def bring_back(cluster: Cluster, served: Discovery, plan: str) -> tuple[list[str], list[str]]:
    """Make the pods again that a plan's quiesce deleted.

    :param cluster: the source.
    :param served: what it serves.
    :param plan: our plan's name.
    :return: references of the pods that were made; what was refused, with the reason. Their notes stay.
    """
    resource, secrets = served.find("", "Pod"), served.find("", "Secret")
    made: list[str] = []
    refused: list[str] = []
    if resource is None or secrets is None:
        return made, refused
    for secret, pod in written_down(cluster, served, plan=plan):
        namespace = pod["metadata"]["namespace"]
        clean = strip_for_apply(pod)
        if owners := pod["metadata"].get("ownerReferences"):
            clean["metadata"]["ownerReferences"] = owners  # it never left its cluster: they still hold
        try:
            cluster.request(
                "POST", resource.path(namespace), body=clean, what=f"make {reference_of(pod)} again"
            )
            made.append(reference_of(clean))
        except AlreadyExists:  # an earlier resume came this far, or what quiesce deleted is still there
            if _is_going(cluster, resource.path(namespace, pod["metadata"]["name"])):
                refused.append(f"{reference_of(pod)} is still shutting down, and is made again after that")
                continue
        except ApiError as error:
            refused.append(str(error))
            continue
        cluster.request(
            "DELETE", secrets.path(namespace, secret["metadata"]["name"]), what="delete the note of a pod"
        )
    return made, refused


def _is_going(cluster: Cluster, path: str) -> bool:
    try:
        return "deletionTimestamp" in cluster.get(path, what="read a pod")["metadata"]
    except NotFound:
        return True  # gone in the very moment: to be made
