"""Pods inside other objects: where their template lies and what it mounts and names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.cluster.reference import Manifest


def pod_spec_of(manifest: Manifest) -> dict[str, Any] | None:
    """Return the pod spec inside an object, or ``None``.

    Pods, everything with a pod template (also custom resources shaped like a workload, such as Argo's
    Rollout or OpenKruise's CloneSet), CronJobs.

    :param manifest: the object.
    """
    spec = manifest.get("spec")
    if not isinstance(spec, dict):
        return None
    if manifest.get("kind") == "Pod" and manifest.get("apiVersion") == "v1":
        return spec
    job = spec.get("jobTemplate")
    if isinstance(job, dict) and isinstance(job.get("spec"), dict):
        spec = job["spec"]
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        pod = template["spec"]
        return pod if isinstance(pod.get("containers"), list) else None
    return None


def pod_labels_of(manifest: Manifest) -> dict[str, str]:
    """Return the labels of the pods that an object makes (of the pod itself for a Pod).

    :param manifest: the object.
    """
    return _pod_metadata_of(manifest).get("labels") or {}


def pod_annotations_of(manifest: Manifest) -> dict[str, str]:
    """Return the annotations of the pods that an object makes (of the pod itself for a Pod).

    :param manifest: the object.
    """
    return _pod_metadata_of(manifest).get("annotations") or {}


def _pod_metadata_of(manifest: Manifest) -> dict[str, Any]:
    if manifest.get("kind") == "Pod":
        return manifest.get("metadata") or {}
    spec = manifest.get("spec") or {}
    job = spec.get("jobTemplate")
    if isinstance(job, dict):
        spec = job.get("spec") or {}
    template = spec.get("template") or {}
    return template.get("metadata") or {}


def containers_of(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all containers of a pod spec: init, normal and ephemeral ones.

    :param pod: a pod spec.
    """
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod.get(field) or []


def claim_names(pod: dict[str, Any]) -> list[str]:
    """Return the claims that a pod spec mounts by name.

    :param pod: a pod spec.
    """
    return [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod.get("volumes") or []
        if volume.get("persistentVolumeClaim")
    ]


def mounted_claims(pod: Manifest) -> list[str]:
    """Return the names of all claims that a running Pod holds, generic ephemeral volumes included.

    :param pod: the Pod.
    """
    spec = pod.get("spec") or {}
    name = pod["metadata"]["name"]
    ephemeral = [f"{name}-{volume['name']}" for volume in spec.get("volumes") or [] if "ephemeral" in volume]
    return claim_names(spec) + ephemeral


def holds_volumes(pod: Manifest) -> bool:
    """Tell whether a Pod may still write to its volumes: it has not ended.

    A pod that is being deleted starts no container again. Once all have ended, its object only waits for the
    kubelet to clean up, ten seconds with older ones and up to a minute with 1.20.0 to 1.20.2
    (kubernetes/kubernetes#97288), and that would be downtime for nothing.

    :param pod: the Pod.
    """
    status = pod.get("status") or {}
    if status.get("phase") in {"Succeeded", "Failed"}:
        return False
    if "deletionTimestamp" not in pod["metadata"]:
        return True
    ended = [_has_ended(one) for one in status.get("containerStatuses") or []]
    others = ("initContainerStatuses", "ephemeralContainerStatuses")
    helpers_run = any(
        "running" in (one.get("state") or {}) for key in others for one in status.get(key) or []
    )
    return (
        helpers_run or not all(ended) or len(ended) < len((pod.get("spec") or {}).get("containers") or [""])
    )


def _has_ended(container: dict[str, Any]) -> bool:
    state = container.get("state") or {}
    before = (container.get("lastState") or {}).get("terminated") or {}
    # Of one that ran and is gone from the runtime, an older kubelet says that it waits to be made.
    gone = "waiting" in state and before.get("reason") == "ContainerStatusUnknown"
    return "terminated" in state or gone


def config_maps(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, how it is used) of each ConfigMap that a pod spec names.

    :param pod: a pod spec.
    """
    for volume in pod.get("volumes") or []:
        if volume.get("configMap"):
            yield volume["configMap"].get("name", ""), f"volume {volume['name']}"
        for source in (volume.get("projected") or {}).get("sources") or []:
            if source.get("configMap"):
                yield source["configMap"].get("name", ""), f"volume {volume['name']}"
    yield from _environment(pod, "configMapRef", "configMapKeyRef")


def secrets(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, how it is used) of each Secret that a pod spec names.

    :param pod: a pod spec.
    """
    for pull in pod.get("imagePullSecrets") or []:
        yield pull.get("name", ""), "image pull secret"
    for volume in pod.get("volumes") or []:
        where = f"volume {volume['name']}"
        if volume.get("secret"):
            yield volume["secret"].get("secretName", ""), where
        for source in (volume.get("projected") or {}).get("sources") or []:
            if source.get("secret"):
                yield source["secret"].get("name", ""), where
        csi = volume.get("csi") or {}
        if csi.get("nodePublishSecretRef"):
            yield csi["nodePublishSecretRef"].get("name", ""), where
        for plugin in ("cephfs", "rbd", "iscsi", "flexVolume", "storageos", "scaleIO", "azureFile"):
            inline = volume.get(plugin) or {}
            reference = inline.get("secretRef") or {}
            if name := reference.get("name") or inline.get("secretName"):
                yield name, where
    yield from _environment(pod, "secretRef", "secretKeyRef")


def _environment(pod: dict[str, Any], whole: str, key: str) -> Iterator[tuple[str, str]]:
    for container in containers_of(pod):
        where = f"environment of container {container.get('name')}"
        for source in container.get("envFrom") or []:
            if source.get(whole):
                yield source[whole].get("name", ""), where
        for variable in container.get("env") or []:
            reference = (variable.get("valueFrom") or {}).get(key)
            if reference:
                yield reference.get("name", ""), where
