"""A Job that makes a node pull images, and nothing else.

Every image becomes a container whose command is a path that no image has: the kubelet pulls the image, then
starting fails, so nothing of the application ever runs. `images` reads from the pod's status which images
came. With the nodes named, the same Job pre-pulls: started at the cutover, pods find their images there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from migration_ops.mover.names import ACTION_LABEL, PLAN_LABEL, PREFIX, RUN_LABEL

IMAGE_PROBE_LABEL = PREFIX + "image-probe"
MISSING_COMMAND = "/migration-ops.io/no-such-command"
IMAGES_PER_POD = 20
"""The kubelet pulls a pod's images one after the other; more pods share the work."""

_ACTION = "image-probe"


@dataclass(frozen=True)
class ImageProbe:
    """Images that pods of one namespace pull with the same rights.

    :param images: names as the adapted objects write them.
    :param pull_secrets: names of Secrets in that namespace.
    :param service_account: whose own pull secrets are used too; it must exist there.
    :param secrets_from: where the pull secrets lie among the adapted objects, when the target's namespace
        doesn't exist yet and the probe runs in another: then they are copied.
    """

    namespace: str
    images: tuple[str, ...]
    pull_secrets: tuple[str, ...] = ()
    service_account: str = "default"
    secrets_from: str | None = None

    def container_names(self) -> dict[str, str]:
        """Image by the name of its container."""
        return {f"image-{number}": image for number, image in enumerate(self.images)}


def build_image_probe(
    probe: ImageProbe,
    *,
    plan: str,
    run: str,
    node: str | None = None,
    always: bool = False,
    timeout_seconds: int = 600,
) -> dict[str, Any]:
    """The Job, ready to be created; made twice it has the same name.

    Of a probe with copied pull secrets it doesn't start before they are there (`build_pull_secrets`): set its
    parallelism to 1 then.

    :param run: the run as a label value.
    :param node: pull on this node; without it the scheduler chooses one.
    :param always: ask the registry also for what the node has already.
    :param timeout_seconds: Kubernetes ends it then.
    """
    labels = {
        "app.kubernetes.io/managed-by": "migration-ops",
        IMAGE_PROBE_LABEL: "true",
        PLAN_LABEL: plan,
        RUN_LABEL: run,
        ACTION_LABEL: _ACTION,
    }
    digest = _digest(probe, plan, run, node)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": probe.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        # Suits namespaces that enforce `restricted`; no process is ever started.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": _secret_name(probe, digest, name)} for name in probe.pull_secrets],
        "containers": [
            _container(name, image, always=always) for name, image in probe.container_names().items()
        ],
    }
    if node:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        pod["affinity"] = {"nodeAffinity": required}
        pod["tolerations"] = [{"operator": "Exists"}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{_ACTION}-{re.sub('[^a-z0-9]+', '-', plan)[:20].strip('-')}-{digest}",
            "namespace": probe.namespace,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 0 if probe.secrets_from and probe.pull_secrets else 1,
            "activeDeadlineSeconds": timeout_seconds,
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
                },
                "spec": pod,
            },
        },
    }


def build_pull_secrets(
    probe: ImageProbe, job: dict[str, Any], job_uid: str, objects: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Copies of a probe's pull secrets, owned by its Job so that they go with it.

    :param job: of `build_image_probe`.
    :param objects: the adapted objects; secrets that aren't among them are left out.
    """
    if probe.secrets_from is None:
        return []
    names = [one["name"] for one in job["spec"]["template"]["spec"]["imagePullSecrets"]]
    found = {
        one["metadata"]["name"]: one
        for one in objects
        if one["kind"] == "Secret" and one["metadata"].get("namespace") == probe.secrets_from
    }
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job_uid}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": found[wanted].get("type", "kubernetes.io/dockerconfigjson"),
            "metadata": {
                "name": name,
                "namespace": probe.namespace,
                "labels": job["metadata"]["labels"],
                "ownerReferences": [owner],
            },
            "data": found[wanted].get("data") or {},
        }
        for wanted, name in zip(probe.pull_secrets, names, strict=True)
        if wanted in found
    ]


def build_pre_pulls(
    probes: Sequence[ImageProbe], nodes: Iterable[str], *, plan: str, run: str
) -> list[dict[str, Any]]:
    """Jobs that bring every image to every node, so that pods start at the cutover without waiting for one.

    :param nodes: names of the target's nodes that take pods.
    """
    return [build_image_probe(probe, plan=plan, run=run, node=node) for node in nodes for probe in probes]


def split_probes(probes: Sequence[ImageProbe], most: int = IMAGES_PER_POD) -> list[ImageProbe]:
    """The same probes with at most so many images each."""
    return [
        dataclasses.replace(one, images=one.images[start : start + most])
        for one in probes
        for start in range(0, len(one.images), most)
    ]


def _digest(probe: ImageProbe, plan: str, run: str, node: str | None) -> str:
    parts = [plan, run, probe.namespace, probe.service_account, probe.secrets_from or "", node or ""]
    text = "\0".join([*parts, *probe.pull_secrets, "", *probe.images])
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _secret_name(probe: ImageProbe, digest: str, name: str) -> str:
    return name if probe.secrets_from is None else f"{_ACTION}-{digest}-{probe.pull_secrets.index(name)}"


def _container(name: str, image: str, *, always: bool) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "Always" if always else "IfNotPresent",
        "command": [MISSING_COMMAND],
        "resources": {
            "requests": {"cpu": "1m", "memory": "4Mi"},
            "limits": {"cpu": "50m", "memory": "16Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
