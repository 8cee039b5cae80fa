"""The sections of a plan, each with its defaults; `plan.py` puts them together."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    model_validator,
)

from migration_ops.bad_input import in_form
from migration_ops.migration.quantities import (
    BytesPerSecond,
    DnsLabel,
    Duration,
    ImageName,
    Patience,
    Resources,
    amount,
)

NamePattern = Annotated[str, Field(min_length=1, examples=["shop", "team-*"])]
KubernetesName = Annotated[str, Field(min_length=1, max_length=253)]


class Section(BaseModel):
    """A part of a plan: unknown keys are errors, values don't change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _switch(value: object) -> object:
    """YAML 1.2 reads `on` and `off` as text."""
    if isinstance(value, str):
        value = {"on": True, "off": False}.get(value, value)
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"must be auto, on or off (it is {value!r})")
    return value


class Source(Section):
    """The cluster that the applications leave."""

    conn_id: str = Field(min_length=1, description="Airflow connection of type `kubernetes`.")
    provider: Literal["eks", "gke", "aks", "tke", "cce", "onprem"] | None = Field(
        None, description="Whose cluster it is; recognised from the cluster when left out."
    )


def _kubernetes_version(text: str) -> str:
    from migration_ops.transform import ParameterError
    from migration_ops.transform.parameters import target_version

    try:
        target_version(text)
    except ParameterError as error:
        raise ValueError(str(error)) from None
    return text


class Target(Section):
    """The cluster that the applications move to."""

    conn_id: str = Field(min_length=1, description="Airflow connection of type `kubernetes`.")
    version: Annotated[str, AfterValidator(_kubernetes_version)] | None = Field(
        default=None,
        json_schema_extra={"pattern": r"^v?1\.\d{1,2}(\.\d+)?$"},
        description='Kubernetes version to adapt to, for example "1.32"; asked of the cluster when left out.',
    )


class Vault(Section):
    """Where backups are kept."""

    conn_id: str = Field(min_length=1, description="Airflow connection of type `migration_ops_vault`.")


class IncludeExclude(Section):
    """Names or globs that are in, less those that are out."""

    include: list[NamePattern] = Field(default=["*"], min_length=1)
    exclude: list[NamePattern] = []


def _label_selector(text: str) -> str:
    from migration_ops.cluster import SelectionError
    from migration_ops.cluster.labels import LabelSelector

    try:
        LabelSelector.parse(text)
    except SelectionError as error:
        raise ValueError(str(error)) from None
    return text


LabelSelectorText = Annotated[str, AfterValidator(_label_selector), Field(examples=["app in (web,api)"])]
ClaimPattern = Annotated[str, Field(min_length=1, examples=["cache-*", "shop/cache-*"])]


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


class VolumeSelection(Section):
    """Claims whose data moves. An exclusion wins, as do annotations and labels on the claim itself."""

    include: list[ClaimPattern] = Field(
        default=["*"], min_length=1, description="`CLAIM` or `NAMESPACE/CLAIM`, globs allowed."
    )
    exclude: list[ClaimPattern] = Field(default=[], description="In the same form.")
    exclude_labels: list[LabelSelectorText] = Field(
        default=[], description="Claims that one of these selectors matches are left out."
    )
    exclude_storage_classes: list[NamePattern] = Field(
        default=[], description="Claims of these classes are left out; globs allowed."
    )
    opt_in: bool = Field(
        default=False,
        description="Only claims annotated `migration-ops.io/include`, and volumes that pods name in "
        "`backup.velero.io/backup-volumes`.",
    )


class Select(Section):
    """What moves. Platform namespaces (`kube-system`, ...) are always out."""

    namespaces: IncludeExclude = IncludeExclude()
    label_selectors: list[LabelSelectorText] = Field(default=[], description="Several are OR-ed.")
    resources: IncludeExclude = IncludeExclude()
    names: IncludeExclude = Field(
        default=IncludeExclude(),
        description="Of objects; what a chosen object needs comes along all the same.",
    )
    cluster_scoped: Annotated[
        bool | Literal["auto"],
        BeforeValidator(_switch, json_schema_input_type=bool | Literal["auto", "on", "off"]),
    ] = Field(
        default="auto",
        description="`auto`: what chosen objects need; `on`: all of the chosen kinds; `off`: none.",
    )
    secrets: Literal["all", "referenced", "none"] = Field(
        default="all", description="`referenced`: only those that a chosen object names."
    )
    volumes: VolumeSelection = VolumeSelection()


class Transform(Section):
    """How resources are adapted to the target."""

    rules: list[str] = Field(default=["api-versions"], description="Rule sets by name, or files.")
    storage_classes: dict[str, str] = Field(
        default={}, description="Old to new StorageClass; `*` is the rest."
    )
    image_registries: dict[str, str] = Field(default={}, description="Old to new image prefix; longest wins.")
    params: dict[str, Any] = Field(default={}, description="Parameters of the rules.")


class Parallelism(Section):
    """How many movers run at a time in each cluster."""

    source: int = Field(default=4, ge=1, le=1000)
    target: int = Field(default=4, ge=1, le=1000)


class Pools(Section):
    """Airflow pools, shared by all plans that name them; `migration-ops plan pools` writes them."""

    source: str | None = Field(default=None, min_length=1, max_length=256, description="Of its movers.")
    target: str | None = Field(default=None, min_length=1, max_length=256, description="Of its movers.")


class Movers(Section):
    """The Jobs that move volumes' data."""

    image: ImageName = Field(description="Image of the mover, as both clusters can pull it.")
    namespace: DnsLabel = Field(
        default="default", description="Where movers without a volume run (vault probe)."
    )
    parallelism: Parallelism = Parallelism()
    pools: Pools = Pools()
    requests: Resources = Field(default={"cpu": "100m", "memory": "128Mi"}, description="Per mover.")
    limits: Resources = Field(default={"cpu": "2", "memory": "1Gi"}, description="Per mover.")
    limit_upload: BytesPerSecond | None = Field(default=None, description="Per mover, for example `50MiB/s`.")
    standby: bool = Field(
        default=True,
        description="Start a cutover's movers before its stop: they wait with the volume mounted, so that no "
        "second of the downtime goes into starting them.",
    )
    start_timeout: Duration = Field(default="10m", validate_default=True, description="Until it runs.")
    timeout: Duration = Field(default="24h", validate_default=True, description="Until it is done.")

    @model_validator(mode="after")
    def _asks_for_no_more_than_it_may_have(self) -> Movers:
        for name, wanted in self.requests.items():
            if name in self.limits and amount(wanted) > amount(self.limits[name]):
                raise ValueError(
                    f"requests.{name} ({wanted}) is more than limits.{name} ({self.limits[name]}), which no "
                    "cluster takes; raise the limit"
                )
        return self


class HookExec(Section):
    """A command in a running container."""

    namespace: DnsLabel | None = Field(
        default=None, description="Needed when the plan moves several namespaces."
    )
    pod: PodOrWorkload
    container: str | None = None
    command: list[str] = Field(min_length=1)
    timeout: Duration = Field(default="60s", validate_default=True)
    on_error: Literal["fail", "continue"] = "fail"


class HookPatch(Section):
    """A change to an object of the source, such as an operator's custom resource that must pause."""

    api_version: str = Field(alias="apiVersion", min_length=1, examples=["postgresql.cnpg.io/v1"])
    kind: str = Field(min_length=1)
    namespace: DnsLabel | None = Field(default=None, description="Left out for objects of the cluster.")
    name: KubernetesName
    merge: dict[str, Any] = Field(min_length=1, description="JSON merge patch; null takes a field away.")
    on_error: Literal["fail", "continue"] = "fail"


class Hook(Section):
    """What is run around a step."""

    before: Literal["quiesce", "resume"] | None = None
    after: Literal["quiesce", "resume"] | None = None
    exec: HookExec | None = None
    patch: HookPatch | None = None

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
    hooks: list[Hook] = []
    disruption_budgets: Literal["override", "respect"] = Field(
        default="override",
        description="`respect`: nothing is stopped while a PodDisruptionBudget stands against it.",
    )
    timeout: Duration = Field(
        default="10m", validate_default=True, description="Until no pod mounts a volume."
    )


ExistingPolicy = Literal["skip", "update", "recreate", "fail"]


def _policies(value: object) -> object:
    """One error for the whole, where pydantic would tell of each form that it might have been."""
    for policy in value.values() if isinstance(value, dict) else [value]:
        if policy not in get_args(ExistingPolicy):
            raise ValueError(f"must be one of {', '.join(get_args(ExistingPolicy))} (it is {policy!r})")
    return value


class Restore(Section):
    """What happens to objects that the target has already."""

    existing: Annotated[ExistingPolicy | dict[str, ExistingPolicy], BeforeValidator(_policies)] = Field(
        default="skip",
        description="One policy, or one for each kind; `*` is the rest (skip without it).",
        examples=[{"ConfigMap": "update", "apps/Deployment": "recreate", "*": "skip"}],
    )
    keep_addresses: list[Literal["node_ports", "cluster_ips", "load_balancer_ips"]] = Field(
        default=[], description="Which addresses Services keep; the target gives new ones otherwise."
    )
    ready_timeout: Duration = Field(default="15m", validate_default=True, description="Until all is ready.")

    @property
    def takes_over_claims(self) -> bool:
        """Whether the data of claims that somebody else made is replaced: only if their kind is named."""
        named = self.existing if isinstance(self.existing, dict) else {}
        policy = named.get("/PersistentVolumeClaim", named.get("PersistentVolumeClaim"))
        return policy in {"update", "recreate"}


class HttpProbe(Section):
    """A request to a Service in the target, sent through its API server."""

    namespace: DnsLabel | None = Field(
        default=None, description="In the target; needed when the plan has several."
    )
    service: KubernetesName
    port: Annotated[int, Field(ge=1, le=65535)] | str = 80
    path: Annotated[str, in_form(r"/.*", "a path: it begins with /")] = Field(
        default="/", json_schema_extra={"pattern": "^/"}
    )
    status: int = Field(default=200, ge=100, le=599)
    contains: str | None = Field(default=None, description="Text that the answer must contain.")
    timeout: Duration = Field(default="60s", validate_default=True, description="Asked again until then.")


class ExecProbe(Section):
    """A command in a container of the target that must exit with 0."""

    namespace: DnsLabel | None = Field(
        default=None, description="In the target; needed when the plan has several."
    )
    pod: PodOrWorkload
    container: str | None = None
    command: list[str] = Field(min_length=1)
    contains: str | None = Field(default=None, description="Text that the output must contain.")
    timeout: Duration = Field(default="60s", validate_default=True, description="Run again until then.")


class Probe(Section):
    """One question to the application in the target."""

    http: HttpProbe | None = None
    exec: ExecProbe | None = None

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

    data: Literal["full", "sample", "metadata"] = "full"
    probes: list[Probe] = []
    settle: Annotated[Patience, AfterValidator(_an_hour_at_most)] = Field(
        default="60s",
        validate_default=True,
        description="What may pass by itself (workloads and endpoints that aren't ready, failing probes) is "
        "looked at again until then; `0s`: no longer than each probe's own `timeout`.",
    )


class Rehearsal(Section):
    """The trial run into scratch namespaces of the target."""

    isolation: Literal["required", "attempted"] = Field(
        default="required",
        description="`required`: no workload starts before a pod has proven that network policies hold it; "
        "`attempted`: policies are made, and their lack of effect is only reported.",
    )
    stopped: list[WorkloadPattern] = Field(
        default=[],
        description="Workloads (`deployment/mailer`, `NAMESPACE/cronjob/*`, globs) that must not run twice.",
    )
    egress: list[IPvAnyNetwork] = Field(default=[], description="Address ranges that its pods may reach.")
    ingress: list[IPvAnyNetwork] = Field(default=[], description="Address ranges that may reach its pods.")
    probes: bool = Field(default=True, description="Ask `verify.probes` there too.")


class Approvals(Section):
    """Who may approve, as user ids of Airflow; an empty list means everybody who may answer."""

    cutover: list[str] = []
    finish: list[str] = []
    timeout: Duration = Field(default="4h", validate_default=True, description="Then the answer is no.")


class Retention(Section):
    """Restore points that are kept."""

    keep_last: int = Field(default=3, ge=1)
    keep_hourly: int = Field(default=0, ge=0)
    keep_daily: int = Field(default=0, ge=0)
    keep_weekly: int = Field(default=0, ge=0)
    keep_monthly: int = Field(default=0, ge=0)
    keep_within: Duration | None = None
