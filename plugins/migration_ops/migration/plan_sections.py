"""The sections of a plan, but for those with modules of their own; `plan.py` puts them together."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    model_validator,
)

from migration_ops.migration.plan_base import Section, WorkloadPattern
from migration_ops.migration.quantities import (
    BytesPerSecond,
    DnsLabel,
    Duration,
    ImageName,
    Resources,
    amount,
)

NamePattern = Annotated[str, Field(min_length=1, examples=["shop", "team-*"])]


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
        json_schema_extra={"pattern": r"^v?1\.\d{2}([.+-].*)?$"},
        description='Kubernetes version to adapt to, for example "1.32"; asked of the cluster when left out.',
    )


class Vault(Section):
    """Where backups are kept."""

    conn_id: str = Field(min_length=1, description="Airflow connection of type `migration_ops_vault`.")


class IncludeExclude(Section):
    """Names or globs that are in, less those that are out."""

    include: list[NamePattern] = Field(
        default=["*"], min_length=1, description="Names, or globs with `*`, `?` and `[...]`, that are in."
    )
    exclude: list[NamePattern] = Field(
        default=[], description="Names or globs that are out, also of what `include` names."
    )


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


class VolumeSelection(Section):
    """Claims whose data moves. An exclusion wins, as do annotations and labels on the claim itself."""

    include: list[ClaimPattern] = Field(
        default=["*"],
        min_length=1,
        description="Claims whose data moves: `CLAIM` or `NAMESPACE/CLAIM`, globs allowed.",
    )
    exclude: list[ClaimPattern] = Field(
        default=[], description="Claims that are left out, also of what `include` names; in the same form."
    )
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

    namespaces: IncludeExclude = Field(
        default=IncludeExclude(),
        description="Namespaces of the source; one of a platform only if it is named without a glob.",
    )
    label_selectors: list[LabelSelectorText] = Field(
        default=[],
        description="Objects that match one of these, as the API writes selectors; all of them without any.",
    )
    resources: IncludeExclude = Field(
        default=IncludeExclude(),
        description="Kinds as `plural`, `plural.group`, `group/Kind` or `Kind`; one that is out never comes.",
    )
    names: IncludeExclude = Field(
        default=IncludeExclude(),
        description="Names of objects; what a chosen object needs comes along all the same.",
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
    volumes: VolumeSelection = Field(
        default=VolumeSelection(), description="Claims whose data moves; the others' go along empty."
    )


class Transform(Section):
    """How resources are adapted to the target."""

    rules: list[str] = Field(
        default=["api-versions"], description="Rule sets in their order: names, or files."
    )
    storage_classes: dict[str, str] = Field(
        default={},
        description="StorageClass of the source, or a glob, to the target's; `*` is the rest.",
    )
    image_registries: dict[str, str] = Field(
        default={}, description="Prefix of images' full names to what replaces it; the longest wins."
    )
    params: dict[str, Any] = Field(
        default={},
        description="Values of parameters that the rule sets declare; "
        "`migration-ops transform --describe` lists them.",
    )


class Parallelism(Section):
    """How many movers run at a time in each cluster."""

    source: int = Field(default=4, ge=1, le=1000, description="Movers of one run at a time in the source.")
    target: int = Field(default=4, ge=1, le=1000, description="Movers of one run at a time in the target.")


class Pools(Section):
    """Airflow pools, shared by all plans that name them; `migration-ops plan pools` writes them."""

    source: str | None = Field(
        default=None, min_length=1, max_length=256, description="Pool whose slots movers in the source take."
    )
    target: str | None = Field(
        default=None, min_length=1, max_length=256, description="Pool whose slots movers in the target take."
    )


class Movers(Section):
    """The Jobs that move volumes' data."""

    image: ImageName = Field(description="Image of the mover, as both clusters can pull it.")
    namespace: DnsLabel = Field(
        default="default", description="Where movers without a volume run (vault probe)."
    )
    parallelism: Parallelism = Field(
        default=Parallelism(), description="How many movers of one run work at a time in each cluster."
    )
    pools: Pools = Field(
        default=Pools(), description="Airflow pools that bound the movers of all plans that name them."
    )
    requests: Resources = Field(
        default={"cpu": "100m", "memory": "128Mi"},
        description="What each mover's pod requests: `cpu`, `memory`, `ephemeral-storage`.",
    )
    limits: Resources = Field(
        default={"cpu": "2", "memory": "1Gi"},
        description="What each mover's pod may use at most: `cpu`, `memory`, `ephemeral-storage`.",
    )
    limit_upload: BytesPerSecond | None = Field(
        default=None,
        description="Most that each mover sends, for example `50MiB/s` (bytes per second, with a unit); "
        "no limit when left out.",
    )
    standby: bool = Field(
        default=True,
        description="Start a cutover's movers before its stop: they wait with the volume mounted, so that no "
        "second of the downtime goes into starting them.",
    )
    start_timeout: Duration = Field(
        default="10m", validate_default=True, description="How long a mover's pod may take to run."
    )
    timeout: Duration = Field(
        default="24h", validate_default=True, description="How long one mover may take for one volume."
    )

    @model_validator(mode="after")
    def _asks_for_no_more_than_it_may_have(self) -> Movers:
        for name, wanted in self.requests.items():
            if name in self.limits and amount(wanted) > amount(self.limits[name]):
                raise ValueError(
                    f"requests.{name} ({wanted}) is more than limits.{name} ({self.limits[name]}), which no "
                    "cluster takes; raise the limit"
                )
        return self


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
    ready_timeout: Duration = Field(
        default="15m", validate_default=True, description="How long all workloads may take to be ready."
    )

    @property
    def takes_over_claims(self) -> bool:
        """Whether the data of claims that somebody else made is replaced: only if their kind is named."""
        named = self.existing if isinstance(self.existing, dict) else {}
        policy = named.get("/PersistentVolumeClaim", named.get("PersistentVolumeClaim"))
        return policy in {"update", "recreate"}


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

    cutover: list[str] = Field(
        default=[],
        description="Who may approve a cutover, a rollback or a restore, and decide when a step fails.",
    )
    finish: list[str] = Field(
        default=[], description="Who may say that a migration is finished, or is rolled back instead."
    )
    timeout: Duration = Field(
        default="4h", validate_default=True, description="How long is waited; then the answer is no."
    )


class Retention(Section):
    """Restore points that are kept."""

    keep_last: int = Field(default=3, ge=1, description="Number of the newest ones that stay.")
    keep_hourly: int = Field(
        default=0, ge=0, description="For so many hours that have any, the newest of each hour stays."
    )
    keep_daily: int = Field(
        default=0, ge=0, description="For so many days that have any, the newest of each day stays."
    )
    keep_weekly: int = Field(
        default=0, ge=0, description="For so many weeks that have any, the newest of each week stays."
    )
    keep_monthly: int = Field(
        default=0, ge=0, description="For so many months that have any, the newest of each month stays."
    )
    keep_within: Duration | None = Field(
        default=None, description="All that are no older than this before the newest one stay."
    )
