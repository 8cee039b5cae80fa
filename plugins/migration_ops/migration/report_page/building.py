"""Puts a run's report together from what the run left in the vault and in the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.migration.events import RESUMED, ROLLED_BACK, SOURCE_SILENT, TAKEN_BACK
from migration_ops.migration.forecast import Forecast, compare, run_times
from migration_ops.migration.forecast.history import APPLIED, FINAL_DELTA, READY, RESTORED, VERIFIED
from migration_ops.migration.journal import QUIESCED, Event
from migration_ops.migration.report_page.model import (
    ChangeLine,
    FindingLine,
    Outcome,
    ProbeLine,
    ResourcesPart,
    RunReport,
    Span,
    VerificationPart,
    VolumeLine,
)
from migration_ops.migration.report_page.outages import Outage, find_outages
from migration_ops.migration.withholding import secret_values, withhold
from migration_ops.mover import size_text

if TYPE_CHECKING:
    from migration_ops.cluster import Manifest
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.readiness_report import ReadinessFinding
    from migration_ops.migration.restore_point import RestorePoint
    from migration_ops.migration.switchover import AddressChange

_NAMES = {
    QUIESCED: "quiesce",
    FINAL_DELTA: "final delta",
    RESTORED: "restore",
    "prepared": "prepare",
    APPLIED: "apply",
    READY: "ready",
    VERIFIED: "verify",
    ROLLED_BACK: "roll back",
    RESUMED: "resume",
    TAKEN_BACK: "resume",
    "adapted": "adapt",
    "rehearsal-begun": "close and adapt",
    "restore-begun": "adapt",
    "staged": "restore",
    "torn-down": "tear down",
}
_MOST_CHANGES = 2000
# Places whose values are names of things; anything else may hold a secret.
_OPEN_PATHS = (
    "/apiVersion",
    "/kind",
    "/image",
    "/storageClassName",
    "/ingressClassName",
    "/namespace",
    "/type",
)


@dataclass(frozen=True)
class Facts:
    """What a report is made of; whatever isn't there is left out of it.

    :param events: the run's journal.
    :param point: its final restore point.
    :param restored: what restoring each volume returned.
    :param transformation: the rules' report, as `TransformResult.report()` gives it.
    :param readiness: findings of the readiness report.
    :param forecast: what was expected before the approval.
    :param objects: captured or adapted objects; only to know what must not be shown.
    :param over: when another run ended the downtime that this one began, if one did.
    """

    source: str
    target: str
    events: Sequence[Event]
    point: RestorePoint | None = None
    restored: Sequence[Mapping[str, Any]] = ()
    transformation: Mapping[str, Any] | None = None
    readiness: Sequence[ReadinessFinding] = ()
    forecast: Forecast | None = None
    addresses: Sequence[AddressChange] = ()
    objects: Iterable[Manifest] = field(default=(), repr=False)
    over: datetime | None = None


def build_report(plan: Plan, kind: str, run: str, facts: Facts, *, now: datetime | None = None) -> RunReport:
    """Make the report of one run.

    :param kind: `cutover`, `rehearsal`, `rollback`, ...
    :param now: when it is made.
    """
    made = now or datetime.now(UTC)
    events = sorted(facts.events, key=lambda event: event.ended)
    last = {event.name: event for event in events}
    outages = find_outages(events, over=facts.over)
    downtime = outages[0].seconds if outages else None
    times = run_times(run, events)
    if times and times.downtime_seconds is not None:
        times = replace(times, downtime_seconds=downtime)
    report = RunReport(
        plan=plan.name,
        description=plan.description,
        kind=kind,
        run=run,
        outcome=_outcome(last),
        source=facts.source,
        target=facts.target,
        began=min((event.began for event in events), default=made),
        ended=max((event.ended for event in events), default=made),
        made=made,
        downtime_seconds=downtime,
        outages=outages,
        point=facts.point.id if facts.point else "",
        timeline=_timeline(events, outages),
        volumes=_volumes(plan, facts),
        resources=_resources(last, facts),
        findings=_unjudged(facts) + _findings(facts),
        verification=_verification(last),
        forecast=facts.forecast,
        comparison=compare(facts.forecast, times) if facts.forecast and times else None,
        addresses=list(facts.addresses),
    )
    document = withhold(report.model_dump(mode="json"), secret_values(facts.objects))
    return RunReport.model_validate(document)


def _outcome(last: Mapping[str, Event]) -> Outcome:
    for name, outcome in _OUTCOMES.items():
        if name in last and not (name == "failed" and _overcome(last)):
            return outcome
    return "running"


def _overcome(last: Mapping[str, Event]) -> bool:
    """Whether the run got through after its last failure."""
    return VERIFIED in last and last[VERIFIED].ended > last["failed"].ended


_OUTCOMES: dict[str, Outcome] = {
    "rolled-back": "rolled back",
    "finished": "finished",
    "failed": "failed",
    VERIFIED: "verified",
}


def _timeline(events: Sequence[Event], outages: Sequence[Outage]) -> list[Span]:
    """One span for each event that took time; the restore lies between its neighbours if nobody timed it."""

    def span(name: str, began: datetime, ended: datetime, detail: str) -> Span:
        down = any(one.holds(began) for one in outages)
        return Span(name=name, began=began, ended=ended, detail=detail, down=down)

    last = {event.name: event for event in events}
    spans = [
        span(_NAMES.get(event.name, event.name), event.began, event.ended, _detail(event))
        for event in events
        if event.ended > event.began
    ]
    saved, applied, restored = last.get(FINAL_DELTA), last.get(APPLIED), last.get(RESTORED)
    if saved and applied and not any(one.name == _NAMES[RESTORED] for one in spans):
        done = min(restored.ended if restored else applied.began, applied.began)
        if done > saved.ended:
            spans.append(span("restore", saved.ended, done, _detail(restored) if restored else ""))
    return sorted(spans, key=lambda one: (one.began, one.ended))


def _detail(event: Event) -> str:
    data = event.data
    counts = (data.get("counts") or {}).items()
    said = {
        QUIESCED: f"{_number(data.get('workloads'))} workloads stopped",
        FINAL_DELTA: f"{size_text(data.get('added_bytes', 0))} of {size_text(data.get('bytes', 0))} changed",
        RESTORED: f"{_number(data.get('volumes'))} volumes",
        APPLIED: ", ".join(f"{amount} {action}" for action, amount in counts),
        VERIFIED: f"{_number(data.get('objects'))} objects, {_number(data.get('volumes'))} volumes",
        RESUMED: f"{_number(data.get('workloads'))} workloads",
        TAKEN_BACK: f"the other steps of it stand in run {data.get('run', '?')}",
        "staged": f"{_number(data.get('volumes'))} volumes",
        "rehearsal-begun": ", ".join(data.get("namespaces") or []),
        "torn-down": ", ".join(data.get("namespaces") or []),
    }
    return said.get(event.name, "")


def _number(said: Any) -> int:
    """Events name things, or count them."""
    return said if isinstance(said, int) else len(said or [])


def _volumes(plan: Plan, facts: Facts) -> list[VolumeLine]:
    restored = {(one.get("namespace"), one.get("claim")): one for one in facts.restored}
    lines = []
    for volume in facts.point.volumes if facts.point else []:
        namespace = plan.target_namespace(volume.namespace)
        there = restored.get((namespace, volume.claim), {})
        summary = there.get("summary") or {}
        lines.append(
            VolumeLine(
                source=f"{volume.namespace}/{volume.claim}",
                target=f"{namespace}/{volume.claim}",
                storage_class=str(there.get("storage_class") or ""),
                bytes=volume.bytes,
                files=volume.files,
                added_bytes=volume.added_bytes,
                backup_seconds=volume.seconds,
                restore_seconds=summary.get("total_duration"),
                differences=summary.get("differences"),
                warnings=volume.warnings,
            )
        )
    return lines


def _resources(last: Mapping[str, Event], facts: Facts) -> ResourcesPart:
    report = facts.transformation or {}
    stayed = [(one.object, one.reason) for one in facts.point.left_out] if facts.point else []
    stayed += [(one["object"], one["reason"]) for one in report.get("dropped_objects") or []]
    applied = last.get(APPLIED)
    return ResourcesPart(
        kinds=facts.point.objects if facts.point else {},
        actions=dict(applied.data.get("counts") or {}) if applied else {},
        changes=[_change(one) for one in (report.get("changes") or [])[:_MOST_CHANGES]],
        stayed=stayed,
    )


def _change(one: Mapping[str, Any]) -> ChangeLine:
    path = str(one["path"])
    is_open = path.endswith(_OPEN_PATHS) and "/Secret/" not in one["object"]
    values = {"before": one.get("from"), "after": one.get("to")} if is_open else {}
    shown = {key: value for key, value in values.items() if isinstance(value, str)}
    return ChangeLine(object=one["object"], path=path, rule=one["rule"], **shown)


def _unjudged(facts: Facts) -> list[FindingLine]:
    """The moments in which the source had to stand still, and didn't answer."""
    return [
        FindingLine(
            severity="warning",
            origin=f"before the end of {event.data.get('step', '?')}",
            object=facts.source,
            text=f"didn't answer, so it isn't known whether it stood still: {event.data.get('reason', '')}",
            suggestion="make sure that the application doesn't run there",
        )
        for event in facts.events
        if event.name == SOURCE_SILENT
    ]


def _findings(facts: Facts) -> list[FindingLine]:
    """Readiness first; the rules' own are in it when it was made."""
    lines = [
        FindingLine(
            severity=one.severity,
            origin=one.check,
            object=one.object,
            text=one.reason,
            suggestion=one.suggestion,
        )
        for one in facts.readiness
    ]
    if facts.readiness:
        return lines
    return [
        FindingLine(
            severity=one["severity"],
            origin=one["rule"],
            object=one["object"],
            text=one["message"],
            suggestion=one.get("suggestion", ""),
        )
        for one in (facts.transformation or {}).get("findings") or []
    ]


def _verification(last: Mapping[str, Event]) -> VerificationPart | None:
    event = last.get(VERIFIED)
    if event is None:
        return None
    data = event.data
    return VerificationPart(
        objects=int(data.get("objects") or 0),
        volumes=int(data.get("volumes") or 0),
        bytes=int(data.get("bytes") or 0),
        different=[str(one) for one in data.get("different") or []],
        explained=[str(one) for one in data.get("explained") or []],
        settled=[str(one) for one in data.get("settled") or []],
        readings=[str(one) for one in data.get("readings") or []],
        probes=[
            ProbeLine(
                probe=str(one["probe"]), passed=bool(one["passed"]), detail=str(one.get("detail") or "")
            )
            for one in data.get("probes") or []
        ],
    )
