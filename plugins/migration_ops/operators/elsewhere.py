"""Steps that work elsewhere than the plan says: in scratch namespaces, or in the cluster of a restore."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from migration_ops.migration import Plan
from migration_ops.operators.base import MigrationOperator
from migration_ops.operators.mover import RestoreVolumeOperator
from migration_ops.operators.restore import WaitReadyOperator
from migration_ops.operators.verify import VerifyOperator


class StepElsewhere(MigrationOperator):
    """A step that follows another plan than that of its DAG.

    :param there: the plan as it holds where the step works, as JSON data.
    """

    template_fields: Sequence[str] = ("there",)

    def __init__(self, *, there: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.there = there

    @cached_property
    def the_plan(self) -> Plan:
        """The plan as it holds there."""
        return Plan.model_validate(self.there)


class RestoreVolumeElsewhereOperator(StepElsewhere, RestoreVolumeOperator):
    """Makes one claim equal to its snapshot."""

    template_fields = ("there", "volume")


class WaitReadyElsewhereOperator(StepElsewhere, WaitReadyOperator):
    """Waits until the workloads are ready."""

    template_fields = ("there", "adapted")  # type: ignore[assignment]


class VerifyElsewhereOperator(StepElsewhere, VerifyOperator):
    """Compares what is there with what was to be there, and asks the application."""

    template_fields = ("there", "adapted", "volumes", "ready")
