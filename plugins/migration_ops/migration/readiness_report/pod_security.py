"""Pod Security levels of the target's namespaces against the pods and movers that run there.

The rules are those of Kubernetes' Pod Security Standards (`baseline`, `restricted`); the server's own dry run
of a Deployment can't say this, since it refuses pods, not what makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from migration_ops.cluster import Manifest
from migration_ops.cluster.podspec import containers_of
from migration_ops.cluster.reference import labels_of
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.migration.readiness_report.pods import PodDemand

CHECK = "pod-security"
ENFORCE = "pod-security.kubernetes.io/enforce"

_BASELINE_CAPABILITIES = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"}
    | {"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
_SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    }
)
# Fields of a volume that `restricted` allows.
_RESTRICTED_VOLUMES = frozenset(
    {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"}
    | {"persistentVolumeClaim", "projected", "secret"}
)


def check_pod_security(
    demands: Sequence[PodDemand], objects: Sequence[Manifest], target: ClusterFacts
) -> list[ReadinessFinding]:
    """Find pods that their namespace's level refuses.

    :param demands: what will run.
    :param objects: the adapted objects, with their Namespaces.
    """
    # What exists keeps its labels unless the set brings others.
    coming = [one for one in objects if one["kind"] == "Namespace"]
    levels = _levels([*target.kind("", "Namespace"), *coming])
    findings = []
    for demand in demands:
        level = levels.get(demand.namespace, "privileged")
        if broken := violations(demand.spec, level):
            findings.append(
                finding(
                    CHECK,
                    "blocker",
                    demand.object,
                    f"namespace {demand.namespace} enforces {level}: {', '.join(broken)}",
                    f"lower the label {ENFORCE} of the namespace, or change the pods with a rule",
                )
            )
    return findings


def check_mover_levels(with_volumes: Iterable[str], namespaces: Iterable[Manifest]) -> list[ReadinessFinding]:
    """Find namespaces whose level refuses movers.

    :param with_volumes: names of the namespaces where movers run.
    :param namespaces: the cluster's, or those that come.
    """
    levels = _levels(namespaces)
    return [
        finding(
            CHECK,
            "blocker",
            f"v1/Namespace//{namespace}",
            "enforces restricted, and movers must run as root to read and restore files of others",
            f"set {ENFORCE}=baseline until the migration is finished",
        )
        for namespace in sorted(with_volumes)
        if levels.get(namespace) == "restricted"
    ]


def violations(spec: Mapping[str, Any], level: str) -> list[str]:
    """What of a pod's spec a level refuses, in words; nothing if it takes the pod.

    :param level: `privileged`, `baseline` or `restricted`.
    """
    if level == "privileged":
        return []
    found = list(_baseline(spec))
    if level == "restricted":
        found += _restricted(spec)
    return list(dict.fromkeys(found))


def _levels(namespaces: Iterable[Manifest]) -> dict[str, str]:
    """Levels by namespace; of several of one name the last that has a level counts."""
    return {
        str(one["metadata"]["name"]): labels_of(one)[ENFORCE]
        for one in namespaces
        if ENFORCE in labels_of(one)
    }


def _baseline(spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes") or []:
        if volume.get("hostPath"):
            yield f"hostPath volume {volume['name']}"
    pod = spec.get("securityContext") or {}
    for one in pod.get("sysctls") or []:
        if one["name"] not in _SAFE_SYSCTLS:
            yield f"sysctl {one['name']}"
    if (pod.get("seccompProfile") or {}).get("type") == "Unconfined":
        yield "seccomp profile Unconfined"
    for container in containers_of(dict(spec)):
        yield from _baseline_container(container)


def _baseline_container(container: Mapping[str, Any]) -> Iterator[str]:
    name, context = container.get("name"), container.get("securityContext") or {}
    if context.get("privileged"):
        yield f"privileged container {name}"
    extra = set((context.get("capabilities") or {}).get("add") or []) - _BASELINE_CAPABILITIES
    if extra:
        yield f"capabilities {', '.join(sorted(extra))} of container {name}"
    if context.get("procMount", "Default") != "Default":
        yield f"procMount of container {name}"
    if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
        yield f"seccomp profile Unconfined of container {name}"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield f"hostPort of container {name}"


def _restricted(spec: Mapping[str, Any]) -> Iterator[str]:
    for volume in spec.get("volumes") or []:
        if set(volume) - _RESTRICTED_VOLUMES:
            yield f"volume {volume['name']} of a type that it forbids"
    pod = spec.get("securityContext") or {}
    for container in containers_of(dict(spec)):
        name, context = container.get("name"), container.get("securityContext") or {}
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"allowPrivilegeEscalation isn't false in container {name}"
        if not context.get("runAsNonRoot", pod.get("runAsNonRoot")):
            yield f"runAsNonRoot isn't true for container {name}"
        if context.get("runAsUser", pod.get("runAsUser")) == 0:
            yield f"container {name} runs as user 0"
        capabilities = context.get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or []):
            yield f"container {name} doesn't drop all capabilities"
        if set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
            yield f"container {name} adds capabilities"
        profile = context.get("seccompProfile") or pod.get("seccompProfile") or {}
        if profile.get("type") not in {"RuntimeDefault", "Localhost"}:
            yield f"container {name} has no seccomp profile"
