"""What people must know when a step of a cutover has failed: what, why, and where everything stands.

Pure: it reads the run's journal, which the steps wrote. Whoever asks and answers is Airflow's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from migration_ops.migration.events import (
    ADAPTED,
    APPLIED,
    FINAL_DELTA,
    FINISHED,
    HOOKS_BEGUN,
    QUIESCE_BEGUN,
    QUIESCED,
    READY,
    RESTORED,
    RESUMED,
    ROLLED_BACK,
    UNDOING,
    VERIFIED,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from migration_ops.migration.events import Event

Answer = Literal["Retry", "Roll back", "Start the source", "Leave as it is"]

RETRY: Answer = "Retry"
ROLL_BACK: Answer = "Roll back"
START_SOURCE: Answer = "Start the source"
LEAVE: Answer = "Leave as it is"

_MEANING: dict[Answer, str] = {
    RETRY: "the step is done again; it goes on where it was, and the cutover after it",
    ROLL_BACK: "what this cutover made in the target is deleted, what it changed there is put back, and the "
    "source is started again as it was",
    START_SOURCE: "the source is started again as it was, and the target is left as it is: make sure that "
    "the application doesn't serve there. `{plan}.rollback` empties it later",
    LEAVE: "nothing more happens: the run ends as failed, the source stays as it is now. Clear the failed "
    "task to go on later, or run `{plan}.rollback`",
}
_UNVERIFIED = (
    "the application runs there, unverified, its names held back. A rollback loses what is written there"
)
_MOST_REASON = 4000
_STOPS = frozenset({HOOKS_BEGUN, QUIESCE_BEGUN})
_EMPTIES = frozenset({UNDOING, ROLLED_BACK})


def source_state(events: Iterable[Event]) -> str:
    """In what state the run left the source, in a sentence.

    :param events: the run's journal, in its order.
    """
    last = {event.name: event for event in _of_last_stop(events)}
    if RESUMED in last:
        return f"runs again since {last[RESUMED].ended:%H:%M:%S} UTC"
    if QUIESCED in last:
        count = len(last[QUIESCED].data.get("workloads") or [])
        return f"**stopped** since {last[QUIESCED].ended:%H:%M:%S} UTC ({count} workloads, all remembered)"
    if QUIESCE_BEGUN in last:
        since = f"{last[QUIESCE_BEGUN].began:%H:%M:%S}"
        return f"**being stopped** since {since} UTC: some workloads may still run, all are remembered"
    if HOOKS_BEGUN in last:
        since = f"{last[HOOKS_BEGUN].began:%H:%M:%S}"
        return f"nothing was stopped yet, but the plan's **hooks before quiesce** began at {since} UTC"
    return "runs: nothing was stopped"


def target_state(events: Iterable[Event]) -> str:
    """In what state the run left the target, in a sentence.

    :param events: the run's journal, in its order.
    """
    names: set[str] = set()
    undoing = ""
    for event in events:
        if event.name in _EMPTIES or (event.name in _STOPS and ROLLED_BACK in names):
            names.clear()
        if event.name == UNDOING:
            undoing = f"{event.ended:%H:%M:%S}"
        names.add(event.name)
    if ROLLED_BACK in names:
        return "nothing of this run is left"
    said = [
        (FINISHED, "the application runs and its names are released"),
        (VERIFIED, "the application runs and is verified; its names are held back"),
        (READY, f"all resources are applied and the workloads ready: {_UNVERIFIED}"),
        (APPLIED, "all resources are applied, the application may be running; its names are held back"),
        (RESTORED, "volumes hold the final delta, resources are being applied"),
        (ADAPTED, "claims are being brought up to the final delta; no workload runs"),
        (FINAL_DELTA, "claims hold the delta staged before the stop; no workload runs"),
        (UNDOING, f"**being emptied** since {undoing} UTC: part of what this run made may be gone"),
    ]
    return next((text for name, text in said if name in names), "claims are staged; no workload runs")


def serves_since(events: Iterable[Event]) -> datetime | None:
    """Since when the application has served in the target; nothing if it doesn't.

    :param events: the run's journal, in its order.
    """
    since = None
    for event in events:
        if event.name in {READY, VERIFIED}:
            since = since or event.ended
        elif event.name in _EMPTIES | _STOPS:
            since = None
    return since


def _of_last_stop(events: Iterable[Event]) -> list[Event]:
    """What happened since the run stopped the source again after it had been resumed; all, if it didn't."""
    found: list[Event] = []
    resumed = False
    for event in events:
        if resumed and event.name in _STOPS:
            found, resumed = [], False
        resumed = resumed or event.name == RESUMED
        found.append(event)
    return found


def question(
    plan: str,
    step: str,
    *,
    reason: str,
    tries: int,
    events: Sequence[Event] | None,
    answers: Sequence[Answer],
    timeout: timedelta,
) -> str:
    """The text of the question, in Markdown.

    :param reason: the error's own words.
    :param tries: how often the step was tried since the last answer.
    :param events: the run's journal; none if the vault can't be read.
    """
    quoted = "\n".join(f"> {line}" for line in (reason.strip() or "no message")[:_MOST_REASON].splitlines())
    lines = [f"Step **{step}** of {plan} failed{f' {tries} times' if tries > 1 else ''}:", "", quoted, ""]
    if events is None:
        lines += ["The vault's journal can't be read just now, so it isn't known where the run stands.", ""]
    else:
        lines += [f"- Source: {source_state(events)}", f"- Target: {target_state(events)}", ""]
    lines += [f"- **{answer}**: {_MEANING[answer].format(plan=plan)}" for answer in answers]
    return "\n".join([*lines, "", f"Without an answer in {timeout} it is left as it is."])
