"""The rules of a namespace that a mover lives under, and what it does about each.

Pod security: other capabilities, or an error that says what to change. Network policies: one of its own that
lets it out to the vault. Quotas and limit ranges are the API server's to judge; its words are passed on.
Sidecar injection is switched off and taints are tolerated in the pod itself (`job`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migration_ops.mover.errors import MoverError
from migration_ops.mover.names import MOVER_LABEL
from migration_ops.mover.spec import MoverSpec, SecurityLevel

_ENFORCED = "pod-security.kubernetes.io/enforce"


def security_level(namespace: dict[str, Any]) -> SecurityLevel:
    """The pod security level that a mover can live with in a namespace.

    :param namespace: the Namespace object.
    :raises MoverError: if the namespace enforces `restricted`: no pod there may read others' files.
    """
    metadata = namespace["metadata"]
    level = (metadata.get("labels") or {}).get(_ENFORCED, "privileged")
    if level == "restricted":
        raise MoverError(
            f"namespace {metadata['name']} enforces pod security level restricted, under which no mover can "
            f"read or restore files of other users: set its label {_ENFORCED}=baseline for the migration",
            retryable=False,
        )
    return "baseline" if level == "baseline" else "privileged"


def is_shut_in(network_policies: Sequence[dict[str, Any]]) -> bool:
    """Whether network policies of a namespace may keep a mover from reaching the vault.

    :param network_policies: all of the namespace.
    """
    return any("Egress" in _types(policy.get("spec") or {}) for policy in network_policies)


def build_egress_policy(spec: MoverSpec, job_uid: str) -> dict[str, Any]:
    """A network policy that lets this mover out, owned by its Job so that it goes with it.

    Policies add up: what others forbid for all pods is allowed for this one.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": {MOVER_LABEL: "true"},
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
        "spec": {
            "podSelector": {"matchLabels": {"job-name": spec.name}},
            "policyTypes": ["Egress"],
            "egress": [{}],
        },
    }


def _types(spec: dict[str, Any]) -> list[str]:
    return spec.get("policyTypes") or (["Ingress", "Egress"] if "egress" in spec else ["Ingress"])
