"""The runs of a plan: what the journal in the vault tells of them, joined with what Airflow knows.

The journal outlives Airflow's database and knows what a run did to the application; Airflow knows every run,
whether it goes on, and how it ended. A run that waits for its window, goes on and ends has no last word in
the journal; one that failed early has none at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from migration_ops.migration.events import (
    ADAPTED,
    APPLIED,
    FAILED,
    FINAL_DELTA,
    FINISHED,
    HOOKS_BEGUN,
    LOOKED,
    QUIESCE_BEGUN,
    QUIESCED,
    READY,
    RESTORED,
    RESUMED,
    ROLLED_BACK,
    TAKEN_BACK,
    UNDOING,
    VERIFIED,
)
from migration_ops.migration.off_peak import Calendar
from migration_ops.ui.plan_state import Record
from migration_ops.ui.standing import names_since

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.ui.airflow_runs import KnownRun
    from migration_ops.ui.vault_index import PlanSlips, Slip

Tone = Literal["good", "bad", "warn", "ask", "calm"]

NOT_ENDED, WAITS, ASKS = "not ended", "waits for its window", "waits for an answer"
ENDED = "ended, how isn't known"
"""Airflow calls it a success, and the vault, which may know of a rollback, can't be asked."""

_STOPS = (QUIESCE_BEGUN, HOOKS_BEGUN)
_KINDS = {
    "rehearsal-begun": "rehearsal",
    "restore-begun": "restore",
    "prepared": "cutover",
    QUIESCE_BEGUN: "cutover",
    HOOKS_BEGUN: "cutover",
    TAKEN_BACK: "rollback",
    "connected": "connect",
    LOOKED: "cutover",
    "window-ended": "backup",
    "staging-stopped": "staging",
    "staged": "staging",
    "answered": "rollback",
}
"""What a run is of which Airflow knows nothing any more, by its most telling event."""

HALF_BACK = "half rolled back"
"""The target was emptied, or begun to be, and the source isn't started: the application runs nowhere."""

_ENDS: Sequence[tuple[frozenset[str], str]] = (
    (frozenset({ROLLED_BACK, RESUMED}), "rolled back"),
    (frozenset({TAKEN_BACK}), "rolled back"),
    (frozenset({ROLLED_BACK}), HALF_BACK),
    (frozenset({RESUMED}), "resumed"),
    (frozenset({UNDOING}), HALF_BACK),
    (frozenset({FINISHED}), "finished"),
)
"""Of which of these a run has written all since it last stopped the source, the first counts."""

_LAST_WORDS = {
    FAILED: "failed",
    VERIFIED: "verified",
    "torn-down": "torn down",
    "staged": "staged",
    "connected": "looked",
    LOOKED: "looked",
    "window-ended": WAITS,
    "staging-stopped": WAITS,
} | dict.fromkeys(
    (
        "prepared",
        "rehearsal-begun",
        "restore-begun",
        *_STOPS,
        QUIESCED,
        FINAL_DELTA,
        ADAPTED,
        RESTORED,
        APPLIED,
        READY,
    ),
    NOT_ENDED,
)
_OUTLAST_A_FAILURE = frozenset({"rolled back", HALF_BACK, "resumed"})
_OUTLAST_SUCCESS = _OUTLAST_A_FAILURE | {"finished", "verified", "torn down", "staged"}
_TONES: dict[str, Tone] = {
    "done": "good",
    "staged": "good",
    "verified": "good",
    "torn down": "good",
    "finished": "good",
    "failed": "bad",
    HALF_BACK: "bad",
    "rolled back": "warn",
    "resumed": "warn",
    ASKS: "ask",
    NOT_ENDED: "ask",
}


class FailedTask(Record):
    """A task that failed.

    :param part: which one of a mapped task's, to be read behind its name: ` shop/data`, `[3]`.
    :param url: where its log is in Airflow; empty if Airflow doesn't know it any more.
    :param reason: its error in its own words, if the journal has it and no value of a Secret is in the way.
    """

    task: str
    part: str = ""
    url: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """The task in words."""
        return self.task + self.part


class RunLine(Record):
    """A run.

    :param outcome: how it ended, or what it does.
    :param began: the earlier of Airflow's begin and the journal's first word, as Airflow begins a run that is
        cleared anew; none while it waits in the queue.
    :param ended: none while it isn't over.
    :param waits_until: when it goes on, if it waits for a window.
    :param paused: whether it doesn't begin, as its DAG is paused.
    :param stopped: whether it stopped the source.
    :param told: whether it wrote into the journal, which tells its steps; none if the vault can't be asked.
    :param url: the run in Airflow, if Airflow still knows it.
    :param refused: who ended it with which answer; only on its own page, like the following.
    :param failed_tasks: the first few of its tasks that failed.
    """

    run: str
    kind: str
    outcome: str
    tone: Tone = "calm"
    began: datetime | None
    ended: datetime | None
    waits_until: datetime | None = None
    paused: bool = False
    stopped: bool = False
    has_report: bool = False
    told: bool | None = True
    url: str = ""
    refused: str = ""
    failed_tasks: list[FailedTask] = []

    @property
    def seconds(self) -> float | None:
        """How long it took, or has taken so far; none if it hasn't begun."""
        if self.began is None:
            return None
        return max(0.0, ((self.ended or datetime.now(UTC)) - self.began).total_seconds())


def run_lines(
    plan: Plan,
    slips: PlanSlips | None,
    known: Mapping[str, KnownRun],
    waits: Mapping[str, datetime] | None = None,
) -> list[RunLine]:
    """All runs that the journal or Airflow knows, the newest first.

    :param slips: nothing if the vault can't be asked.
    :param known: by run, what Airflow says.
    :param waits: by run, until when one of its tasks waits for a window.
    """
    names = {*(slips.journal if slips else ()), *known}
    now = datetime.now(UTC)
    calendar = Calendar(plan.schedule)
    lines = [_line(name, slips, known.get(name), calendar, (waits or {}).get(name), now) for name in names]
    return sorted(lines, key=lambda line: (line.began or known[line.run].began, line.run), reverse=True)


def run_line(plan: Plan, run: str, slips: PlanSlips | None, known: KnownRun | None) -> RunLine:
    """One run that the journal or Airflow knows."""
    return _line(run, slips, known, Calendar(plan.schedule), None, datetime.now(UTC))


def waits_of(plan: Plan, slips: PlanSlips | None, known: Mapping[str, KnownRun]) -> dict[str, datetime]:
    """By run of a plan, until when it waits for a window, as far as its journal tells.

    :param known: runs that aren't over, of any plan.
    """
    journal = slips.journal if slips else {}
    lines = (run_line(plan, run, slips, known[run]) for run in known if run in journal)
    return {one.run: one.waits_until for one in lines if one.waits_until}


def _line(
    run: str,
    slips: PlanSlips | None,
    known: KnownRun | None,
    calendar: Calendar,
    waits_until: datetime | None,
    now: datetime,
) -> RunLine:
    events = slips.journal.get(run, []) if slips else []
    report = slips.reports.get(run) if slips else None
    said = last_word(events)
    if said == WAITS and known and known.state == "running" and not calendar.opening_at(now):
        waits_until = waits_until or calendar.next_opening(now)
    outcome = _outcome(said, known, waits=waits_until is not None)
    if slips is None and outcome == "done":
        outcome = ENDED
    ended = known.ended if known else events[-1].time
    begins = [known.began] if known and not known.queued else []
    return RunLine(
        run=run,
        kind=known.kind if known else _kind(events, report),
        outcome=outcome,
        tone=_TONES.get(outcome, "calm"),
        began=min([*begins, *(one.time for one in events[:1])], default=None),
        ended=ended,
        waits_until=waits_until if outcome == WAITS else None,
        paused=known is not None and known.paused,
        stopped=any(one.tags.get("event") in _STOPS for one in events),
        has_report=report is not None,
        told=bool(events) if slips else None,
        url=known.url if known else "",
    )


def last_word(events: Iterable[Slip]) -> str:
    """What the journal's tags say of a run's outcome.

    :param events: of the run, oldest first.
    """
    events = list(events)
    since = names_since(events, QUIESCE_BEGUN)
    if not {READY, VERIFIED, FINISHED}.isdisjoint(names_since(events, UNDOING)):
        since -= {UNDOING}  # the cutover went on all the same
    if end := next((word for names, word in _ENDS if names <= since), None):
        return end
    words = (_LAST_WORDS.get(one.tags.get("event", "")) for one in reversed(events))
    return next((word for word in words if word), NOT_ENDED)


def _outcome(said: str, known: KnownRun | None, *, waits: bool) -> str:
    """What Airflow and the journal say together."""
    if known is None:
        return "stopped at its window's end" if said == WAITS else said
    match known.state:
        case "running" if waits:
            return WAITS
        case "running":
            return ASKS if said == "failed" else "running"
        case "failed":
            return said if said in _OUTLAST_A_FAILURE else "failed"
        case "success":
            return said if said in _OUTLAST_SUCCESS else "done"
        case state:
            return state


def _kind(events: Iterable[Slip], report: Slip | None) -> str:
    names = {one.tags.get("event", "") for one in events}
    told = next((word for name, word in _KINDS.items() if name in names), "")
    return told or (report.tags.get("report", "run") if report else "run")
