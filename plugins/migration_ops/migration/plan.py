"""The plan: one migration, declared.

Everything that the runbooks need to know and that isn't a secret. The shape is the plan file's; files are
read by `plan_file`. A plan holds no state: what happened is in restore points and journals.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from migration_ops.migration.plan_base import Section
from migration_ops.migration.plan_notify import Notify
from migration_ops.migration.plan_quiesce import Quiesce
from migration_ops.migration.plan_schedule import Schedule
from migration_ops.migration.plan_sections import (
    Approvals,
    Movers,
    Rehearsal,
    Restore,
    Retention,
    Select,
    Source,
    Target,
    Transform,
    Vault,
)
from migration_ops.migration.plan_verify import Verify
from migration_ops.migration.quantities import DnsLabel


class Plan(Section):
    """One migration.

    :param name: DNS label; the DAGs are called `NAME.connect`, `NAME.backup`, ...
    :param target: left out by plans that only protect: they get no cutover.
    :param namespaces: source to target namespace; one that isn't named keeps its name.
    """

    api_version: Literal["migration-ops/v1"] = Field(
        alias="apiVersion", description="Version of the format of plans."
    )
    name: DnsLabel = Field(description="DNS label; DAGs are called NAME.connect, NAME.backup, ...")
    description: str = Field(default="", description="For the people who read the DAGs' documentation.")
    source: Source = Field(description="Cluster that the applications leave.")
    target: Target | None = Field(default=None, description="Without it the plan only protects.")
    vault: Vault = Field(description="Where restore points are kept.")
    select: Select = Field(default=Select(), description="What moves; all but platform namespaces.")
    namespaces: dict[DnsLabel, DnsLabel] = Field(
        default={},
        description="Namespace of the source to that of the target; one that isn't named keeps its name.",
    )
    transform: Transform = Field(
        default=Transform(),
        description="How resources are adapted to the target; only what its version needs by default.",
    )
    schedule: Schedule = Field(
        default=Schedule(), description="When restore points are made by themselves; by hand without it."
    )
    movers: Movers = Field(description="Jobs that move volumes' data, and what they may use.")
    quiesce: Quiesce = Field(
        default=Quiesce(), description="How workloads of the source are stopped for the cutover."
    )
    restore: Restore = Field(
        default=Restore(),
        description="What happens to objects that the target has already, and what Services keep.",
    )
    verify: Verify = Field(
        default=Verify(), description="How it is proven, before the downtime ends, that nothing was lost."
    )
    rehearsal: Rehearsal = Field(
        default=Rehearsal(), description="How closed the trial run in scratch namespaces of the target is."
    )
    approvals: Approvals = Field(
        default=Approvals(), description="Who may decide, and how long is waited for them."
    )
    retention: Retention = Field(
        default=Retention(), description="Restore points that `NAME.maintain` keeps."
    )
    notify: list[Notify] = Field(
        default=[], max_length=50, description="Who is told of what, by which of Airflow's notifiers."
    )

    @model_validator(mode="after")
    def _sends_no_two_namespaces_to_one(self) -> Self:
        seen: dict[str, str] = {}
        for source, target in self.namespaces.items():
            if target in seen:
                raise ValueError(
                    f"namespaces: {seen[target]} and {source} both go to {target}; objects of the same name "
                    "would overwrite each other: give each a namespace of its own"
                )
            seen[target] = source
        return self

    def target_namespace(self, namespace: str) -> str:
        """The target's namespace for a namespace of the source."""
        return self.namespaces.get(namespace, namespace)

    def document(self) -> dict[str, Any]:
        """The plan as JSON data that `Plan.model_validate` reads back; only what differs from defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {
            "apiVersion": self.api_version
        }


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of plan files, for editors and `migration-ops plan schema`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://migration-ops.io/schemas/plan-v1.json",
        **Plan.model_json_schema(by_alias=True, mode="validation"),
        "title": "Migration plan",
    }
