"""Where a rehearsal happens: its namespaces, and the plan as it holds there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from migration_ops.migration.restore_elsewhere import moved_probe

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan

REHEARSAL_LABEL = "migration-ops.io/rehearsal"
"""On everything that a rehearsal makes, with the run as value: so a later run finds what was left."""

_LONGEST = 63


def scratch_name(run: str, namespace: str) -> str:
    """The scratch namespace that stands for a namespace of the target.

    :param run: the run as a label value.
    """
    name = f"rehearsal-{_digest(run)[:6]}-{namespace}"
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 7].rstrip('-')}-{_digest(namespace)[:6]}"


def rehearsal_plan(plan: Plan, namespaces: Iterable[str], run: str) -> Plan:
    """The plan with every namespace led to a scratch one.

    Nothing that exists is updated, and names of Services within texts are followed too: a pod that finds the
    real database by its full name would write there.

    :param namespaces: of the source.
    :param run: the run as a label value.
    """
    scratch = {name: scratch_name(run, plan.target_namespace(name)) for name in sorted(set(namespaces))}
    of_target = {plan.target_namespace(name): there for name, there in scratch.items()}
    params = {**plan.transform.params, "rewrite_service_names": True}
    probes = [moved_probe(probe, of_target) for probe in plan.verify.probes] if plan.rehearsal.probes else []
    return plan.model_copy(
        update={
            "namespaces": scratch,
            "transform": plan.transform.model_copy(update={"params": params}),
            "restore": plan.restore.model_copy(update={"existing": "skip"}),
            "verify": plan.verify.model_copy(update={"probes": probes}),
        }
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
