"""What may be said when a run is started: the fields of the trigger forms, and what they change in the plan.

The plan stays what it is; a run may narrow it, or say more. Scheduled runs have the defaults.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, get_current_context

if TYPE_CHECKING:
    from migration_ops.migration import Plan

# Blanks around what was pasted do no harm: `without_blanks` takes them away where it is read.
_LABEL = r"^\s*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\s*$"
_NAMESPACE = {"type": "string", "minLength": 1, "maxLength": 250, "pattern": _LABEL}
_MOST_NAMES = 1000

KIND = Param(
    "auto",
    type="string",
    enum=["auto", "full", "incremental"],
    values_display={
        "auto": "As due: full if the schedule owes one or none exists yet, else incremental",
        "full": "Full: read everything",
        "incremental": "Incremental: what changed",
    },
    title="Kind",
    description_md="A full backup also finds changes that a file's time and size don't show.",
)
WINDOW = Param(
    "auto",
    type="string",
    enum=["auto", "keep", "ignore"],
    values_display={
        "auto": "As usual: scheduled runs keep to them, runs by hand don't",
        "keep": "Keep to them: wait for the next one, stop at its end, go on in the one after",
        "ignore": "Ignore them: work now, until it is done",
    },
    title="Off-peak windows",
    description_md="Whether movers work only in the windows of the plan's `schedule`.",
)
STAGING_WINDOW = Param(
    "auto",
    type="string",
    enum=["auto", "keep", "ignore"],
    values_display={
        "auto": "As the plan says: runs that a restore point has started keep to them, runs by hand don't",
        "keep": "Keep to them: wait for the next one, stop at its end, go on in the one after",
        "ignore": "Ignore them: work now, until it is done",
    },
    title="Off-peak windows",
    description_md="Whether movers work only in the windows of the plan's `schedule`.",
)
AFTER_FINISH = Param(
    False,
    type="boolean",
    title="Also after the migration is finished",
    description_md="**Overwrites what the application has written in the target** into claims that no pod "
    "mounts just now.",
)
NAMESPACES = Param(
    [],
    type="array",
    items=_NAMESPACE,
    maxItems=_MOST_NAMES,
    title="Only these namespaces",
    description_md="One a line; empty for all that the plan selects. The restore point is marked as partial: "
    "no increment compares with it, and it isn't staged; `restore` takes it by its id.",
)
VERIFICATION = Param(
    "plan",
    type="string",
    enum=["plan", "full", "sample", "metadata"],
    values_display={
        "plan": "As the plan says",
        "full": "Full: all content and metadata are read again",
        "sample": "Sample: full before the stop; during it all metadata, and 5 % of staged content",
        "metadata": "Metadata: names, sizes, owners, modes, times; no content",
    },
    title="Verification of data",
    description_md="How thoroughly restored volumes are compared with their snapshots, in place of "
    "`verify.data`.",
)
RULE_PARAMS = Param(
    {},
    type="object",
    maxProperties=50,
    title="Parameters of the rules",
    description_md='Added to the plan\'s `transform.params`, for example `{"region": "cn-shanghai"}`; of two '
    "with one name this one counts. What no rule set knows is refused by the first task.",
    section="More",
)

POINT = Param(
    None,
    type=["null", "string"],
    pattern=r"^\s*(\d{8}T\d{6}Z-(full|incremental|final)-[0-9a-z]+)?\s*$",
    title="Restore point",
    description_md="Its id, for example `20261122T181700Z-full-1a2b3c4d`; empty for the newest one.",
)


# Globs are texts like others, but for what no name can hold.
_ONE = r"^\s*[^/\s]+\s*$"
_ONE_OR_TWO = r"^\s*[^/\s]+(/[^/\s]+)?\s*$"
_KIND = r"^\s*[^/\s]*/?[^/\s]+\s*$"


def names(title: str, text: str, form: str, section: str | None = None) -> Param:
    """A field for several names, one a line; empty for all.

    :param form: what each must match.
    """
    place: dict[str, Any] = {"section": section} if section else {}
    return Param(
        None,
        type=["null", "array"],
        items={"type": "string", "minLength": 1, "maxLength": 512, "pattern": form},
        maxItems=_MOST_NAMES,
        title=title,
        description_md=text,
        **place,
    )


CHOICE: dict[str, Param] = {
    "point": POINT,
    "only_namespaces": names("Namespaces", "Of the source, globs; empty for all.", _ONE, "Part"),
    "kinds": names("Kinds", "`Kind` or `group/Kind`; empty for all.", _KIND, "Part"),
    "names": names(
        "Names", "`NAME` or `NAMESPACE/NAME` of objects, globs; empty for all.", _ONE_OR_TWO, "Part"
    ),
    "claims": names("Claims", "`NAMESPACE/CLAIM` or `CLAIM`, globs; empty for all.", _ONE_OR_TWO, "Part"),
    "only_claims": Param(
        False,
        type="boolean",
        title="Claims with their data alone",
        description_md="No other object of the restore point is applied.",
        section="Part",
    ),
    "cluster": Param(
        None,
        type=["null", "string"],
        maxLength=250,
        title="Cluster",
        description_md="Its Airflow connection; empty for the plan's target.",
        section="Where",
    ),
    "rename": Param(
        None,
        type=["null", "object"],
        propertyNames={"pattern": _LABEL, "maxLength": 250},
        additionalProperties=_NAMESPACE,
        maxProperties=_MOST_NAMES,
        title="Other namespaces",
        description_md='`{"shop": "shop-yesterday"}`: source to target namespace, instead of the plan\'s.',
        section="Where",
    ),
    "existing": Param(
        None,
        type=["null", "string"],
        enum=[None, "skip", "update", "recreate", "fail"],
        title="Objects that exist",
        description_md="Empty: as the plan says. Claims of others stay as they are all the same.",
        section="Where",
    ),
    "take_over_claims": Param(
        False,
        type="boolean",
        title="Fill claims of others, too",
        description_md="What claims hold that this plan didn't make is **deleted for good**. Needed to bring "
        "data back into claims of the source.",
        section="Where",
    ),
}
"""What of which restore point is restored, and to where."""

# Without a default: the form, the API and the command refuse a run that doesn't say it.
_CLUSTER_NEEDED = Param(
    type="string",
    minLength=1,
    maxLength=250,
    pattern=r"\S",
    title="Cluster",
    description_md="Its Airflow connection. Needed: the plan only protects.",
    section="Where",
)
_RUN = Param(
    None,
    type=["null", "string"],
    maxLength=250,
    title="Run of the cutover",
    description_md="Its run id; empty for the last cutover that stopped the source.",
)
_KEEP = Param(
    "nothing",
    type="string",
    enum=["nothing", "claims", "everything"],
    values_display={
        "nothing": "nothing of the cutover (claims that were staged before it stay)",
        "claims": "claims with their data",
        "everything": "everything: only start the source",
    },
    title="What stays in the target",
    description_md="With its claims nothing has to be staged anew before the next cutover.",
)
_WITHOUT_SOURCE = Param(
    False,
    type="boolean",
    title="Also if the source doesn't answer",
    description_md="**Deletes what runs in the target while nothing can be started in the source**: the "
    "application is gone from both until the source is back, or until `restore`.",
)

_OF_VERB: dict[str, dict[str, Param]] = {
    "backup": {"kind": KIND, "window": WINDOW, "namespaces": NAMESPACES},
    "stage": {
        "window": STAGING_WINDOW,
        "verification": VERIFICATION,
        "after_finish": AFTER_FINISH,
        "rule_params": RULE_PARAMS,
    },
    "restore": {**CHOICE, "verification": VERIFICATION, "rule_params": RULE_PARAMS},
    "rollback": {"run": _RUN, "keep": _KEEP, "without_source": _WITHOUT_SOURCE},
    "rehearse": {
        "point": POINT,
        "only_namespaces": names(
            "Namespaces", "Of the source, globs; empty for all. What they need of others is missing.", _ONE
        ),
        "verification": VERIFICATION,
        "rule_params": RULE_PARAMS,
    },
    "cutover": {"verification": VERIFICATION, "rule_params": RULE_PARAMS},
}


def params_of(verb: str, *, protects_only: bool = False) -> dict[str, Param]:
    """The fields of the trigger form that follow from what a runbook does.

    :param protects_only: whether the plan has no target.
    """
    params = dict(_OF_VERB.get(verb, {}))
    if protects_only and "cluster" in params:
        params["cluster"] = _CLUSTER_NEEDED
    return params


def as_this_run_wants(plan: Plan, *, is_first: bool = False) -> Plan:
    """The plan with what the run's trigger form says; the plan itself outside of a running task.

    :param is_first: whether no task of the run comes before: what no form can check is checked then.
    :raises ValueError: as `with_run_params`; in the first task also if no rule set knows a parameter.
    """
    try:
        params = dict(get_current_context()["params"])
    except (RuntimeError, KeyError):
        return plan
    if is_first:
        _refuse_unknown(plan, params.get("rule_params") or {})
    return with_run_params(plan, params)


def _refuse_unknown(plan: Plan, rule_params: dict[str, Any]) -> None:
    if not rule_params:
        return
    from migration_ops.migration.plan_check import wrong_parameters

    if wrong := wrong_parameters(plan, rule_params):
        raise ValueError(
            "\n".join([*(f"rule_params: {text}" for text in wrong), "Nothing was done; trigger it again."])
        )


def without_blanks(value: Any) -> Any:
    """What a form's field says, without blanks around its texts, those of lists and mappings, too."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [without_blanks(each) for each in value]
    if isinstance(value, dict):
        return {without_blanks(name): without_blanks(each) for name, each in value.items()}
    return value


def with_run_params(plan: Plan, params: dict[str, Any]) -> Plan:
    """The plan with what a run's parameters say.

    :raises ValueError: if a namespace isn't one that the plan selects.
    """
    changes: dict[str, Any] = {}
    if namespaces := without_blanks(params.get("namespaces")):
        chosen = plan.select.namespaces
        for name in namespaces:
            if not any(fnmatchcase(name, pattern) for pattern in chosen.include):
                raise ValueError(
                    f"namespace {name} isn't selected by plan {plan.name} "
                    f"(select.namespaces.include: {', '.join(chosen.include)})"
                )
        only = chosen.model_copy(update={"include": list(namespaces)})
        changes["select"] = plan.select.model_copy(update={"namespaces": only})
    if rule_params := params.get("rule_params"):
        merged = {**plan.transform.params, **rule_params}
        changes["transform"] = plan.transform.model_copy(update={"params": merged})
    if (depth := params.get("verification", "plan")) != "plan":
        changes["verify"] = plan.verify.model_copy(update={"data": depth})
    return plan.model_copy(update=changes) if changes else plan
