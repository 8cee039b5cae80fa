"""The steps of `PLAN.stage` that keep to the plan's windows; otherwise they are those of every restore.

A run that a new restore point has started begins, and starts movers, only while a window is open. A mover
that works at the window's end is left to finish: half a restored volume would be read again as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.operators.backup import WindowedOperator
from migration_ops.operators.mover import RestoreVolumeOperator, volume_rows
from migration_ops.operators.restore import AdaptResourcesOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.migration import Plan


class StagingOperator(WindowedOperator):
    """A step that may have to wait for a window.

    :param window: `keep` to the plan's windows, `ignore` them, or `auto`: in runs that a restore point has
        started, do as the plan's `schedule.staging` says.
    """

    def __init__(self, *, window: str = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window

    def keeps_to_windows(self, context: Context) -> bool:
        """Whether this run does."""
        if self.window != "auto":
            return self.window == "keep"
        run_type = context["dag_run"].run_type
        by_itself = str(getattr(run_type, "value", run_type)) == "asset_triggered"
        return by_itself and self.the_plan.schedule.staging == "in-windows"


class AdaptInWindowsOperator(StagingOperator, AdaptResourcesOperator):
    """Adapts the restore point that is the newest one when the window opens, and makes its claims."""

    template_fields: Sequence[str] = ("point", "window")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Wait for a window if the run must, then adapt."""
        if self.keeps_to_windows(context):
            self.wait_for_window(context)
        return AdaptResourcesOperator.execute(self, context)


class StageVolumeOperator(StagingOperator, RestoreVolumeOperator):
    """Makes one claim of the target equal to its snapshot; its mover starts within a window if it must."""

    template_fields: Sequence[str] = ("volume", "window")

    def execute(self, context: Context) -> None:
        """Wait for a window if the run must, then start the mover or find it."""
        if self.keeps_to_windows(context):
            self.wait_for_window(context)
        RestoreVolumeOperator.execute(self, context)


def stage_newest(plan: Plan) -> Any:
    """Adapt the newest restore point, then run a mover for each volume, a named row each in the grid."""
    window = "{{ params.window }}"
    adapt = AdaptInWindowsOperator(task_id="adapt", plan=plan.document(), window=window)
    rows = volume_rows(plan, "stage", "target")
    return StageVolumeOperator.partial(action="stage", window=window, **rows).expand(volume=adapt.output)
