"""The steps of `PLAN.stage` that keep to the plan's windows; otherwise they are those of every restore.

A run that a new restore point has started works only while a window is open. It may wait for days between two
of its volumes, so each step looks again whether there is still something to stage: a cutover that has stopped
the source fills the same claims. (Claims that an application mounts are refused by whoever starts a mover.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from migration_ops.operators.mover import RestoreVolumeOperator, volume_rows
from migration_ops.operators.restore import AdaptResourcesOperator
from migration_ops.operators.windows import WindowedMoverOperator, WindowedOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.migration import Plan
    from migration_ops.mover import MoverSpec

_AFTER_FINISH = (
    "To overwrite it all the same, start this runbook with `after_finish`; to migrate anew, take the "
    "migration back first: the plan's `rollback`, which may keep everything in the target"
)


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
        return _began_by_itself(context) and self.the_plan.schedule.staging == "in-windows"

    def skip_after_a_cutover(self, context: Context) -> None:
        """Stage nothing any more once a cutover fills the claims, nor over what was written after its end.

        :raises AirflowSkipException: if a cutover has stopped the source; in runs that a restore point has
            started also if the migration is finished.
        :raises FinishedError: if it is finished, in a run that was started by hand and doesn't say
            `after_finish`.
        """
        from migration_ops.migration.aftermath import refuse_when_finished
        from migration_ops.migration.backup_kind import reason_to_skip
        from migration_ops.migration.retention import STOPS_AND_ENDS, open_cutover

        events = self.journal.events(names=STOPS_AND_ENDS)
        reason = reason_to_skip(events)
        if reason and (_began_by_itself(context) or open_cutover(events)):
            self.log.warning("Nothing is staged: %s", reason)  # Airflow keeps the exception's text to itself
            raise AirflowSkipException(f"nothing is staged: {reason}")
        if not context["params"].get("after_finish"):
            refuse_when_finished(self.the_plan, events, remedy=_AFTER_FINISH)


class AdaptInWindowsOperator(StagingOperator, AdaptResourcesOperator):
    """Adapts the restore point that is the newest one when the window opens, and makes its claims."""

    template_fields: Sequence[str] = ("point", "window")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Wait for a window if the run must, then adapt."""
        if self.keeps_to_windows(context):
            self.wait_for_window(context)
        self.skip_after_a_cutover(context)
        return AdaptResourcesOperator.execute(self, context)


class StageVolumeOperator(StagingOperator, WindowedMoverOperator, RestoreVolumeOperator):
    """Makes one claim of the target equal to its snapshot, within windows if the run must.

    Files that a stopped mover had written are compared, not fetched again.
    """

    template_fields: Sequence[str] = ("volume", "window")
    overrun = ("staging-stopped", "staging")

    def spec(self, context: Context) -> MoverSpec:
        """With the window's end."""
        return self.until_window_ends(super().spec(context))

    def look_before(self, context: Context) -> None:
        """Look again what happened meanwhile: a wait may lie in between, or the row was cleared long after.

        :raises AirflowSkipException: if a cutover has stopped the source.
        :raises FinishedError: if one is finished.
        """
        self.skip_after_a_cutover(context)


def stage_newest(plan: Plan) -> Any:
    """Adapt the newest restore point, then run a mover for each volume, a named row each in the grid."""
    window = "{{ params.window }}"
    adapt = AdaptInWindowsOperator(task_id="adapt", plan=plan.document(), window=window)
    rows = volume_rows(plan, "stage", "target")
    return StageVolumeOperator.partial(action="stage", window=window, **rows).expand(volume=adapt.output)


def _began_by_itself(context: Context) -> bool:
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type)) == "asset_triggered"
