"""The state of each plan, as the list shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from migration_ops.mover import run_key
from migration_ops.ui.airflow_api import segment
from migration_ops.ui.airflow_runs import run_url
from migration_ops.ui.standing import Stop, standing
from migration_ops.ui.trouble import Trouble

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.ui.vault_index import PlanSlips, PointSlips

_NEWEST = 10


class Record(BaseModel):
    """What pages and JSON routes show."""

    model_config = ConfigDict(frozen=True)


class PointLine(Record):
    """A restore point in a list.

    :param added_bytes: what it added to the vault, as stored.
    :param seconds: from its beginning to its commit.
    """

    id: str
    kind: str
    began: datetime
    committed: datetime
    volumes: int
    files: int
    bytes: int
    added_bytes: int
    seconds: float

    @property
    def saved_share(self) -> float | None:
        """The part of its content that the vault had already, or that compression saved."""
        return max(0.0, 1 - self.added_bytes / self.bytes) if self.bytes else None


class Approval(Record):
    """A question that waits for an answer.

    :param url: where it is answered in Airflow.
    """

    dag_id: str
    run_id: str
    task_id: str
    subject: str
    asked: datetime | None = None
    url: str


class ActiveRun(Record):
    """A run of one of the plan's DAGs that isn't over.

    :param waits_until: when it goes on, if it waits for a window.
    :param paused: whether it is queued while its DAG is paused, so that it doesn't begin.
    """

    dag_id: str
    run_id: str
    state: str
    started: datetime | None = None
    waits_until: datetime | None = None
    paused: bool = False
    url: str


class FailedBackup(Record):
    """A plan's newest backup, which has failed: there is no newer restore point of it.

    :param run: its name in the vault, and of its page.
    :param ended: when it failed; when it began, if Airflow doesn't say.
    :param url: the run in Airflow.
    """

    run: str
    ended: datetime
    url: str


class Downtime(Record):
    """The forecast downtime in seconds: expected, and the range that four runs of five keep.

    :param runs: how many measured runs it is made of; without any it is an estimate from speeds alone.
    """

    expected: float
    low: float
    high: float
    runs: int


class PlanLine(Record):
    """A plan in the list.

    :param points: how many restore points the vault has; none, like all that follows from it, if it couldn't
        be asked.
    :param staged: whether the target's volumes hold the newest restore point; none without a target.
    :param moved: whether a cutover has moved the application, so that it runs there.
    :param stopped: since when the source is stopped while the target doesn't serve either.
    :param emptying: since when a rollback empties the target, if it hasn't come to its end.
    :param nowhere: says so if no run is at work on it.
    :param finished: when the migration was finished, if nobody took it back: nothing is forecast any more.
    :param vault_read: whether the vault could be asked; if not, points, state and forecast aren't known.
    :param airflow_read: whether Airflow could be asked; if not, neither questions nor runs are known.
    :param change_rate: bytes per second that the applications change, as stored.
    :param failed_backup: the newest backup, if it failed, none that is newer succeeded or is at work, and no
        restore point was begun since, as cutovers make some too.
    :param open_approvals: questions that wait.
    :param troubles: what couldn't be asked.
    """

    name: str
    description: str = ""
    source: str
    target: str | None = None
    vault: str
    vault_read: bool = False
    airflow_read: bool = True
    points: int | None = 0
    last: PointLine | None = None
    staged: bool | None = None
    staged_point: str | None = None
    moved: bool | None = False
    stopped: datetime | None = None
    emptying: datetime | None = None
    nowhere: Trouble | None = None
    finished: datetime | None = None
    change_rate: float | None = None
    downtime: Downtime | None = None
    failed_backup: FailedBackup | None = None
    open_approvals: list[Approval] = []
    active_runs: list[ActiveRun] = []
    troubles: list[Trouble] = []

    @property
    def age_seconds(self) -> float | None:
        """How old the newest restore point is."""
        return (datetime.now(UTC) - self.last.began).total_seconds() if self.last else None


class PlanList(Record):
    """All plans that the user may read.

    :param folder: where plan files are looked for.
    :param problems: what is wrong with files that can't be used.
    """

    folder: str
    plans: list[PlanLine]
    problems: list[str] = []
    troubles: list[Trouble] = []


def point_line(point: PointSlips) -> PointLine:
    """A restore point as its snapshots tell it."""
    return PointLine(
        id=point.id,
        kind=point.kind,
        began=point.began,
        committed=point.resources.time,
        volumes=len(point.volumes),
        files=sum(one.files for one in point.volumes),
        bytes=point.bytes,
        added_bytes=point.added_bytes,
        seconds=max(0.0, (point.resources.time - point.began).total_seconds()),
    )


def change_rate(points: Sequence[PointSlips]) -> float | None:
    """Bytes per second that were added between restore points: the median of the newest increments."""
    rates = []
    for before, point in pairwise(points):
        seconds = (point.began - before.began).total_seconds()
        if point.kind != "full" and seconds > 0:
            rates.append(point.added_bytes / seconds)
    return median(rates[-_NEWEST:]) if rates else None


def plan_line(plan: Plan, slips: PlanSlips | None, **more: Any) -> PlanLine:
    """A plan with what the vault says of it.

    :param slips: nothing if the vault couldn't be asked.
    :param more: what others say.
    """
    line = PlanLine(
        name=plan.name,
        description=plan.description,
        source=plan.source.conn_id,
        target=plan.target.conn_id if plan.target else None,
        vault=plan.vault.conn_id,
        vault_read=slips is not None,
        points=None if slips is None else 0,
        moved=None if slips is None else False,
        **more,
    )
    if slips is None or not slips.points:
        return line
    newest, stands = slips.points[-1], standing(slips)
    stop = stands.stop
    if line.failed_backup and any(one.began > line.failed_backup.ended for one in slips.points):
        line = line.model_copy(update={"failed_backup": None})
    if stop and not _is_at_work(stop, line.active_runs):
        line = line.model_copy(update={"nowhere": _nowhere(plan, stop, airflow_read=line.airflow_read)})
    return line.model_copy(
        update={
            "points": len(slips.points),
            "last": point_line(newest),
            "staged": stands.staged_point == newest.id if plan.target else None,
            "staged_point": stands.staged_point,
            "moved": stands.moved,
            "stopped": stop.since if stop else None,
            "emptying": stop.emptying if stop else None,
            "finished": stands.finished[1] if stands.finished else None,
            "change_rate": None if stands.finished else change_rate(slips.points),
            "downtime": None if stands.finished else line.downtime,
        }
    )


def _is_at_work(stop: Stop, runs: Sequence[ActiveRun]) -> bool:
    """Whether the cutover that stopped the source goes on, or any rollback; one that can't begin does not."""
    return any(
        one.dag_id.endswith(".rollback") or run_key(one.dag_id, one.run_id) == stop.run
        for one in runs
        if not one.paused
    )


def _nowhere(plan: Plan, stop: Stop, *, airflow_read: bool) -> Trouble:
    """What must be known of an application that nobody is bringing up again."""
    rollback = f"{plan.name}.rollback"
    at = f"{stop.since:%Y-%m-%d %H:%M:%S} UTC"
    if stop.emptied:
        what = f"runs nowhere since {at}: the source is stopped, and the target was emptied"
        remedy = f"Run {rollback} again: it starts the source."
    elif stop.emptying:
        what = (
            f"may run nowhere since {at}: the source is stopped, and a rollback that began to empty the "
            "target has not come to its end"
        )
        remedy = f"Run {rollback} again: it deletes the rest, and starts the source."
    elif stop.applied:
        what = f"may run nowhere: the source is stopped since {at}, and the target's workloads aren't ready"
        remedy = f"Clear the failed step to go on, or run {rollback}, which starts the source."
    else:
        what = f"runs nowhere: the source is stopped since {at}, and nothing serves in the target"
        remedy = f"Clear the failed step to go on, or run {rollback}, which starts the source."
    who = "no run is at work on it" if airflow_read else "Airflow doesn't say whether a run is at work on it"
    by_hand = "If the source was started by hand, `migration-ops resume --only-note` tells the journal."
    needs = f"For that, cluster {plan.source.conn_id} has to answer."
    return Trouble(where=plan.name, message=f"{what}; {who}", remedy=f"{remedy} {needs} {by_hand}")


def approvals_of(plan: str, details: Sequence[Mapping[str, Any]], airflow: str) -> list[Approval]:
    """The open questions of one plan.

    :param details: as Airflow's API lists them.
    :param airflow: where Airflow's UI begins.
    """
    found = []
    for one in details:
        task = one["task_instance"]
        if not task["dag_id"].startswith(f"{plan}."):
            continue
        run = run_url(airflow, task["dag_id"], task["dag_run_id"])
        url = f"{run}/tasks/{segment(task['task_id'])}/required_actions"
        found.append(
            Approval(
                dag_id=task["dag_id"],
                run_id=task["dag_run_id"],
                task_id=task["task_id"],
                subject=one["subject"],
                asked=one.get("created_at"),
                url=url,
            )
        )
    return found


def active_runs_of(
    plan: str,
    runs: Sequence[Mapping[str, Any]],
    airflow: str,
    waits: Mapping[str, datetime] | None = None,
) -> list[ActiveRun]:
    """The runs of one plan that aren't over.

    :param runs: as Airflow's API lists them; `dag_is_paused` of those that are held up by that.
    :param airflow: where Airflow's UI begins.
    :param waits: by a run's name in the vault, until when it waits for a window.
    """
    return [
        ActiveRun(
            dag_id=run["dag_id"],
            run_id=run["dag_run_id"],
            state=run["state"],
            started=run.get("start_date"),
            waits_until=(waits or {}).get(run_key(run["dag_id"], run["dag_run_id"])),
            paused=bool(run.get("dag_is_paused")),
            url=run_url(airflow, run["dag_id"], run["dag_run_id"]),
        )
        for run in runs
        if run["dag_id"].startswith(f"{plan}.")
    ]
