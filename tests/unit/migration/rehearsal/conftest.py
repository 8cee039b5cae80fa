"""A plan whose rehearsal is looked at, and objects as the rules made them for the scratch namespace."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.migration import Plan

RUN = "manual-2026-0a1b2c3d"
SCRATCH = "rehearsal-4a4a4a-shop-prod"


@pytest.fixture
def plan() -> Plan:
    """A plan with every kind of question, and a workload that must not run twice."""
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "v"},
            "namespaces": {"shop": "shop-prod"},
            "movers": {"image": "mover:1"},
            "restore": {"existing": "recreate"},
            "rehearsal": {
                "stopped": ["deployment/mailer", "shop/daemonset/agent"],
                "egress": ["10.9.0.0/16"],
            },
            "verify": {
                "probes": [
                    {"http": {"service": "web", "namespace": "shop-prod"}},
                    {"exec": {"pod": "statefulset/db", "command": ["true"]}},
                    {"http": {"service": "other", "namespace": "elsewhere"}},
                ]
            },
        }
    )


@pytest.fixture
def thing():
    """Makes an object; its namespace is the scratch one unless it is cluster-scoped."""

    def make(kind: str, api: str = "v1", *, scoped: bool = True, **rest: Any) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": "web", **rest.pop("metadata", {})}
        if scoped:
            metadata["namespace"] = SCRATCH
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}

    return make
