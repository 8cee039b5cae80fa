"""How a plan stops the source: waves, and hooks around them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from migration_ops.migration.plan_base import KubernetesName, PodOrWorkload, Section, WorkloadPattern
from migration_ops.migration.quantities import DnsLabel, Duration


class HookExec(Section):
    """A command in a running container."""

    namespace: DnsLabel | None = Field(
        default=None, description="Needed when the plan moves several namespaces."
    )
    pod: PodOrWorkload
    container: str | None = Field(default=None, description="Of the pod; its first one when left out.")
    command: list[str] = Field(min_length=1, description="Program and arguments; no shell is put around.")
    timeout: Duration = Field(
        default="60s", validate_default=True, description="How long the command may run."
    )
    on_error: Literal["fail", "continue"] = Field(
        default="fail", description="`fail`: the step fails if this does; `continue`: it is only told."
    )


class HookPatch(Section):
    """A change to an object of the source, such as an operator's custom resource that must pause."""

    api_version: str = Field(
        alias="apiVersion",
        min_length=1,
        examples=["postgresql.cnpg.io/v1"],
        description="As the object's manifest has it.",
    )
    kind: str = Field(min_length=1, description="As the object's manifest has it.", examples=["Cluster"])
    namespace: DnsLabel | None = Field(default=None, description="Left out for objects of the cluster.")
    name: KubernetesName = Field(description="As the object's manifest has it.")
    merge: dict[str, Any] = Field(min_length=1, description="JSON merge patch; null takes a field away.")
    on_error: Literal["fail", "continue"] = Field(
        default="fail", description="`fail`: the step fails if this does; `continue`: it is only told."
    )


class Hook(Section):
    """What is run around a step."""

    before: Literal["quiesce", "resume"] | None = Field(
        default=None, description="Done before the source is stopped, or started again; or give `after`."
    )
    after: Literal["quiesce", "resume"] | None = Field(
        default=None, description="Done after the source is stopped, or started again; or give `before`."
    )
    exec: HookExec | None = Field(default=None, description="A command in a container; or give `patch`.")
    patch: HookPatch | None = Field(default=None, description="A change to an object; or give `exec`.")

    @model_validator(mode="after")
    def _does_one_thing(self) -> Hook:
        if (self.exec is None) == (self.patch is None):
            raise ValueError("needs exactly one of `exec` and `patch`")
        return self

    @model_validator(mode="after")
    def _has_one_place(self) -> Hook:
        if (self.before is None) == (self.after is None):
            raise ValueError("needs exactly one of `before` and `after`")
        return self


class Quiesce(Section):
    """How the source is stopped."""

    waves: list[list[WorkloadPattern]] | None = Field(
        default=None,
        description="Workloads (`deployment/web`, `NAMESPACE/statefulset/db`, globs) in the order in which "
        "they stop. Without it: everything that mounts no volume, then the rest.",
    )
    hooks: list[Hook] = Field(
        default=[], description="What is done before or after stop and start, in this order."
    )
    disruption_budgets: Literal["override", "respect"] = Field(
        default="override",
        description="`respect`: nothing is stopped while a PodDisruptionBudget stands against it.",
    )
    timeout: Duration = Field(
        default="10m",
        validate_default=True,
        description="How long it may take until no pod mounts a volume any more.",
    )
