"""The Kubernetes objects of a mover: one Job and the Secret that belongs to it.

The Job is made with parallelism 0, then the Secret with the Job as its owner, then the Job is started: so
there is no instant at which a Secret exists that no garbage collector knows, nor a pod that waits for one.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any

from migration_ops.mover.names import (
    ACTION_LABEL,
    CLAIM_ANNOTATION,
    MOVER_LABEL,
    PLAN_LABEL,
    RUN_LABEL,
    SPEC_LABEL,
)
from migration_ops.mover.spec import Credentials, MoverSpec, mount_path

CONTAINER = "mover"
CA_KEY = "ca.crt"
CA_FOLDER = "/etc/migration-ops"
CA_VARIABLE = "RESTIC_CACERT"
TERMINATION_LOG = "/dev/termination-log"
SCRATCH = "/tmp"  # noqa: S108 - an emptyDir of the pod's own

# Reading any file takes one capability. Pod security level `baseline` forbids that one and allows the
# stronger DAC_OVERRIDE; the mount is read-only either way.
_READ = {"privileged": ["DAC_READ_SEARCH"], "baseline": ["DAC_OVERRIDE"]}
# Giving back owners, modes (setgid included), capabilities of files and device nodes, in folders of anyone.
_WRITE = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"]


def build_job(spec: MoverSpec, credentials: Credentials) -> dict[str, Any]:
    """The Job of a mover, not started yet.

    Only the names of the credentials' variables are used; their values stay in the Secret.
    """
    labels = _labels(spec)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": labels,
            "annotations": {CLAIM_ANNOTATION: spec.claim} if spec.claim else {},
        },
        "spec": {
            "parallelism": 0,
            "completions": 1,
            # A failed mover is started again by Airflow, which knows whether that makes sense.
            "backoffLimit": 0,
            "activeDeadlineSeconds": spec.timeout_seconds,
            # For what its task couldn't delete. Long enough for a task that is retried late to read it.
            "ttlSecondsAfterFinished": 86_400,
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
                },
                "spec": _pod(spec, credentials),
            },
        },
    }


def build_secret(spec: MoverSpec, credentials: Credentials, job_uid: str) -> dict[str, Any]:
    """The Secret of a mover, owned by its Job so that it dies with it."""
    values = dict(credentials.environment)
    if credentials.ca_certificate:
        values[CA_KEY] = credentials.ca_certificate
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": _labels(spec),
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": spec.name,
                    "uid": job_uid,
                    "controller": True,
                }
            ],
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in sorted(values.items())},
    }


def _labels(spec: MoverSpec) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "migration-ops-mover",
        "app.kubernetes.io/managed-by": "migration-ops",
        MOVER_LABEL: "true",
        PLAN_LABEL: spec.plan,
        RUN_LABEL: spec.run,
        ACTION_LABEL: spec.action,
        SPEC_LABEL: spec.fingerprint,
    }


def _pod(spec: MoverSpec, credentials: Credentials) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(spec, credentials)],
        "volumes": _volumes(spec, credentials),
    }
    if spec.node:
        pod["affinity"] = _only_on(spec.node)
        # Whatever keeps other pods off the node where the volume is must not keep the mover off.
        pod["tolerations"] = [{"operator": "Exists"}]
    return pod


def _container(spec: MoverSpec, credentials: Credentials) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"name": "scratch", "mountPath": SCRATCH}]
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["migration-ops", "vault", "--json", "--summary-file", TERMINATION_LOG],
        "args": list(spec.command),
        "env": _environment(spec.name, credentials),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {
                "drop": ["ALL"],
                "add": _capabilities(spec),
            },
        },
        "resources": {"requests": dict(spec.requests), "limits": dict(spec.limits)},
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    if spec.claim and spec.block:
        container["volumeDevices"] = [{"name": "data", "devicePath": mount_path(spec.namespace, spec.claim)}]
    elif spec.claim:
        path = mount_path(spec.namespace, spec.claim)
        mounts.append({"name": "data", "mountPath": path, "readOnly": not spec.writable})
    if credentials.ca_certificate:
        mounts.append({"name": "ca", "mountPath": CA_FOLDER, "readOnly": True})
    return container


def _capabilities(spec: MoverSpec) -> Collection[str]:
    if not spec.claim:
        return []
    return _WRITE if spec.writable else _READ[spec.security_level]


def _environment(secret: str, credentials: Credentials) -> list[dict[str, Any]]:
    fixed = {
        "HOME": SCRATCH,
        "XDG_CACHE_HOME": f"{SCRATCH}/cache",
        "TMPDIR": SCRATCH,
        "PYTHONUNBUFFERED": "1",
    }
    if credentials.ca_certificate:
        fixed[CA_VARIABLE] = f"{CA_FOLDER}/{CA_KEY}"
    return [{"name": name, "value": value} for name, value in fixed.items()] + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}
        for name in sorted(credentials.environment)
    ]


def _volumes(spec: MoverSpec, credentials: Credentials) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [{"name": "scratch", "emptyDir": {}}]
    if spec.claim:
        # Read-only is said at the mount: said at the volume it would ask storage drivers for a second,
        # read-only attachment, which many refuse while the application holds the first.
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": spec.claim}})
    if credentials.ca_certificate:
        items = [{"key": CA_KEY, "path": CA_KEY}]
        volumes.append({"name": "ca", "secret": {"secretName": spec.name, "items": items}})
    return volumes


def _only_on(node: str) -> dict[str, Any]:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
