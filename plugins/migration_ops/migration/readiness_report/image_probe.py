"""A Job that makes a node pull images, and nothing else.

Every image becomes a container whose command is a path that no image has: the kubelet pulls the image, then
starting fails, so nothing of the application ever runs. `images` reads from the pod's status which images
came. With the nodes named, the same Job pre-pulls: started at the cutover, pods find their images there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
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
    """

    namespace: str
    images: tuple[str, ...]
    pull_secrets: tuple[str, ...] = ()
    service_account: str = "default"

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
    parts = [
        plan,
        run,
        probe.namespace,
        probe.service_account,
        *probe.pull_secrets,
        *probe.images,
        node or "",
    ]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
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
        "imagePullSecrets": [{"name": name} for name in probe.pull_secrets],
        "containers": [
            _container(name, image, always=always) for name, image in probe.container_names().items()
        ],
    }
    if node:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        pod["affinity"] = {"nodeAffinity": required}
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
            "parallelism": 1,
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


def split_probes(probes: Sequence[ImageProbe], most: int = IMAGES_PER_POD) -> list[ImageProbe]:
    """The same probes with at most so many images each."""
    return [
        ImageProbe(one.namespace, one.images[start : start + most], one.pull_secrets, one.service_account)
        for one in probes
        for start in range(0, len(one.images), most)
    ]


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
