"""How a plan proves that nothing was lost: volumes compared, questions to the application."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from migration_ops.bad_input import in_form
from migration_ops.migration.plan_base import KubernetesName, PodOrWorkload, Section
from migration_ops.migration.quantities import DnsLabel, Duration, Patience


class HttpProbe(Section):
    """A request to a Service in the target, sent through its API server."""

    namespace: DnsLabel | None = Field(
        default=None, description="In the target; needed when the plan has several."
    )
    service: KubernetesName = Field(description="Name of the Service in the target.")
    port: Annotated[int, Field(ge=1, le=65535)] | str = Field(
        default=80, description="Port of the Service, as a number or by its name."
    )
    path: Annotated[str, in_form(r"/.*", "a path: it begins with /")] = Field(
        default="/", json_schema_extra={"pattern": "^/"}, description="What is asked for; begins with `/`."
    )
    status: int = Field(default=200, ge=100, le=599, description="HTTP status that the answer must have.")
    contains: str | None = Field(default=None, description="Text that the answer must contain.")
    timeout: Duration = Field(
        default="60s",
        validate_default=True,
        description="Asked again until it is answered rightly, or so long.",
    )


class ExecProbe(Section):
    """A command in a container of the target that must exit with 0."""

    namespace: DnsLabel | None = Field(
        default=None, description="In the target; needed when the plan has several."
    )
    pod: PodOrWorkload
    container: str | None = Field(default=None, description="Of the pod; its first one when left out.")
    command: list[str] = Field(
        min_length=1, description="Program and arguments, no shell around; must end with status 0."
    )
    contains: str | None = Field(default=None, description="Text that the output must contain.")
    timeout: Duration = Field(
        default="60s",
        validate_default=True,
        description="Run again until it is answered rightly, or so long.",
    )


class Probe(Section):
    """One question to the application in the target."""

    http: HttpProbe | None = Field(default=None, description="A request to a Service; or give `exec`.")
    exec: ExecProbe | None = Field(default=None, description="A command in a pod; or give `http`.")

    @model_validator(mode="after")
    def _asks_one_question(self) -> Probe:
        if (self.http is None) == (self.exec is None):
            raise ValueError("needs exactly one of `http` and `exec`")
        return self


def _an_hour_at_most(patience: timedelta) -> timedelta:
    if patience > timedelta(hours=1):
        raise ValueError("the application is down meanwhile, so no more than 1h; write for example 60s or 5m")
    return patience


class Verify(Section):
    """How it is proven that nothing was lost."""

    data: Literal["full", "sample", "metadata"] = Field(
        default="full",
        description="How volumes are compared with their snapshots: `full`: all content and metadata; "
        "`sample`: the same before the stop, during it all metadata and 5 % of the content; `metadata`: "
        "names, sizes, owners, modes, times and attributes only.",
    )
    probes: list[Probe] = Field(
        default=[], description="Questions to the application in the target; all must be answered rightly."
    )
    settle: Annotated[Patience, AfterValidator(_an_hour_at_most)] = Field(
        default="60s",
        validate_default=True,
        description="What may pass by itself (workloads and endpoints that aren't ready, failing probes) is "
        "looked at again until then; `0s`: no longer than each probe's own `timeout`.",
    )
