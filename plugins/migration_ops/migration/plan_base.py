"""What every section of a plan is, and the names that several of them take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from migration_ops.bad_input import in_form

KubernetesName = Annotated[str, Field(min_length=1, max_length=253)]
WorkloadPattern = Annotated[
    str,
    in_form(
        r"[^/\s]+/[^/\s]+(/[^/\s]+)?", "a workload: write kind/name or NAMESPACE/kind/name, globs allowed"
    ),
    Field(examples=["deployment/web", "shop/statefulset/*"]),
]
PodOrWorkload = Annotated[
    str,
    in_form(
        r"[^/\s]+|(?i:deployment|statefulset|daemonset)/[^/\s]+",
        "a pod's name, or a workload's: deployment/NAME, statefulset/NAME or daemonset/NAME",
    ),
    Field(min_length=1, description="Pod, or workload such as `statefulset/db`."),
]


class Section(BaseModel):
    """A part of a plan: unknown keys are errors, values don't change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
