"""What a cutover stops, for those who approve it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_ops.cluster import ClusterError, ObjectReference, QuiesceRecord
from migration_ops.migration.stopping import foresee_stop

if TYPE_CHECKING:
    from migration_ops.cluster import Capture, Cluster
    from migration_ops.migration.plan import Plan

SHOWN = 40
"""So many names are shown; the log of the step that stops them has all."""


def stop_text(plan: Plan, source: Cluster, found: Capture, run: str) -> str:
    """Everything that will be stopped in the source, in its order, in Markdown.

    :param found: what the source holds of the plan.
    :param run: the run as a label value.
    """
    try:
        return _text(foresee_stop(plan, source, found, run), len(plan.quiesce.hooks))
    except ClusterError as error:
        return f"**Stopped in the source**: can't be told: {error}"


def _text(record: QuiesceRecord, hooks: int) -> str:
    count = len(record.workloads) + len(record.bare_pods)
    if not count:
        return "**Stopped in the source**: nothing; no workload of the plan runs."
    head = f"**Stopped in the source** ({count} in {', '.join(record.namespaces)}), one line after the other:"
    lines = [head, ""]
    left = SHOWN
    for wave in sorted({one.wave for one in record.workloads}):
        names = [_short(one.object) for one in record.workloads if one.wave == wave]
        lines += [f"- {_listed(names, left)}"]
        left = max(0, left - len(names))
    if record.bare_pods:
        lines += [f"- {_listed([_short(one) for one in record.bare_pods], left)}"]
    if hooks:
        lines += ["", f"The plan's hooks around it: {hooks}."]
    return "\n".join([*lines, *(f"\n{warning}." for warning in record.warnings)])


def _listed(names: list[str], left: int) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:left])
    more = len(names) - left
    return shown if more <= 0 else f"{shown} and {more} more" if shown else f"{more} more"


def _short(reference: str) -> str:
    one = ObjectReference.parse(reference)
    return f"{one.kind} {one.namespace}/{one.name}"
