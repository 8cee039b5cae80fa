"""PodDisruptionBudget between policy/v1beta1 and policy/v1.

An empty selector selects nothing in v1beta1 and everything in v1; an absent one selects nothing in both.
Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125
"""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import CannotConvertError
from migration_ops.transform.draft import Draft
from migration_ops.transform.registry import converter


@converter("pod-disruption-budget")
def convert_pod_disruption_budget(draft: Draft, to: str, _context: Context) -> None:
    """Keep what an empty selector means.

    :param draft: the budget.
    :param to: the new version.
    :param _context: unused.
    :raises CannotConvertError: when a budget over all pods is to go back to v1beta1.
    """
    selector = draft.get(("spec", "selector"))
    empty = (
        isinstance(selector, dict)
        and not selector.get("matchLabels")
        and not selector.get("matchExpressions")
    )
    if to == "policy/v1" and empty:
        draft.remove(("spec", "selector"))
        draft.find(
            "info",
            "its empty selector selected nothing in policy/v1beta1, and would select all pods in policy/v1; "
            "it is left out",
            "delete the budget, or give it the selector that was meant",
        )
    if to == "policy/v1beta1":
        if empty:
            raise CannotConvertError(
                "an empty selector means all pods, which v1beta1 can't express", "select by a label"
            )
        if draft.get(("spec", "unhealthyPodEvictionPolicy")) is not None:
            draft.remove(("spec", "unhealthyPodEvictionPolicy"))
            draft.find(
                "warning", "unhealthyPodEvictionPolicy isn't known to policy/v1beta1", "check evictions"
            )
