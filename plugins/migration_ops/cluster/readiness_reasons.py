"""Why something is not ready: its own conditions, its pods, and the events about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError
from migration_ops.cluster.kinds import Discovery
from migration_ops.cluster.labels import LabelSelector
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.reference import Manifest

MAX_REASONS = 6

# A container that waits for one of these is on its way, and says nothing about a cause.
_HARMLESS = frozenset({"ContainerCreating", "PodInitializing"})

# Warnings that pods of a perfectly good cluster may carry for ever.
_NOISE = frozenset({"MissingClusterDNS", "DNSConfigForming", "FailedToUpdateEndpoint"})


class Reasons:
    """Looks for causes; pods and events of a namespace are read once.

    :param cluster: the cluster.
    :param served: what it serves.
    """

    def __init__(self, cluster: Cluster, served: Discovery) -> None:
        self._cluster = cluster
        self._served = served
        self._lists: dict[tuple[str, str], list[Manifest]] = {}

    def of(self, manifest: Manifest) -> list[str]:
        """Return causes in words, the nearest first, without repetition.

        :param manifest: the object as it is.
        """
        found = dict.fromkeys(self._all(manifest))
        return list(found)[:MAX_REASONS]

    def _all(self, manifest: Manifest) -> Iterator[str]:
        namespace = manifest["metadata"].get("namespace", "")
        pods = [manifest] if manifest["kind"] == "Pod" else self._pods(manifest, namespace)
        for pod in pods:
            yield from pod_problems(pod)
        yield from _conditions(manifest)
        uids = {manifest["metadata"]["uid"]} | {pod["metadata"]["uid"] for pod in pods}
        for event in self._list("Event", namespace):
            involved = event.get("involvedObject") or {}
            warning = event.get("type") == "Warning" and event.get("reason") not in _NOISE
            if warning and involved.get("uid") in uids:
                about = f"{involved.get('kind')} {involved.get('name')}"
                yield f"{about}: {event.get('reason')}: {event.get('message')}"

    def _pods(self, manifest: Manifest, namespace: str) -> list[Manifest]:
        spec: dict[str, Any] = manifest.get("spec") or {}
        if not isinstance(spec.get("selector"), dict) or "template" not in spec:
            return []
        plain = manifest["kind"] == "ReplicationController"
        selector = (
            LabelSelector.of_map(spec["selector"]) if plain else LabelSelector.of_manifest(spec["selector"])
        )
        return [
            pod
            for pod in self._list("Pod", namespace)
            if selector is not None and selector.matches(pod["metadata"].get("labels") or {})
        ]

    def _list(self, kind: str, namespace: str) -> list[Manifest]:
        key = (kind, namespace)
        if key not in self._lists:
            resource = self._served.find("", kind)
            try:
                self._lists[key] = list_objects(self._cluster, resource, namespace) if resource else []
            except ApiError:
                self._lists[key] = []  # causes are a help; without the right to read them there are none
        return self._lists[key]


def pod_problems(pod: Manifest) -> Iterator[str]:
    """Yield what keeps a pod from running: not scheduled, images, crashes, failing probes.

    :param pod: the Pod.
    """
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            yield f"pod {name} cannot be scheduled: {condition.get('message') or condition.get('reason')}"
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or []:
            yield from _container_problems(name, container)
    if status.get("phase") == "Failed":
        yield f"pod {name} failed: {status.get('message') or status.get('reason') or 'no reason given'}"


def _container_problems(pod: str, container: dict[str, Any]) -> Iterator[str]:
    state = container.get("state") or {}
    where = f"pod {pod}, container {container['name']}"
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") not in _HARMLESS:
        yield f"{where}: {waiting.get('reason')}: {waiting.get('message') or container.get('image')}"
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    if ended and ended.get("exitCode"):
        message = ended.get("message") or ended.get("reason") or ""
        yield f"{where}: exited with {ended['exitCode']} {message}".rstrip()
    elif "running" in state and not container.get("ready"):
        yield f"{where} runs, but is not ready"


def _conditions(manifest: Manifest) -> Iterator[str]:
    for condition in (manifest.get("status") or {}).get("conditions") or []:
        bad = condition.get("status") == ("True" if condition["type"] == "ReplicaFailure" else "False")
        if (
            bad
            and condition.get("message")
            and condition["type"] in {"Available", "Progressing", "ReplicaFailure"}
        ):
            yield f"{condition['type']}: {condition['message']}"
