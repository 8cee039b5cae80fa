"""A cutover's steps after each other in one process, as its tasks do them, each timed.

Airflow's own time between two tasks is left out: it is the same with and without staging, and depends on the
machine that Airflow runs on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from migration_ops.cluster import Cluster, capture, wait_ready
from migration_ops.migration.adaptation import rules_of, selection
from migration_ops.migration.mover_specs import backup_spec, restore_spec
from migration_ops.migration.plan import Plan
from migration_ops.migration.staging import mark_staged
from migration_ops.migration.stopping import resume_source, stop_source, undo_run
from migration_ops.migration.target import (
    ReadAhead,
    adapt_restore_point,
    apply_part,
    readiness_subjects,
    volumes_to_restore,
)
from migration_ops.migration.vault_records import latest_restore_point
from migration_ops.migration.volumes import RestoreTask, backup_tasks
from migration_ops.mover import Credentials, MoverSpec
from migration_ops.mover.crew import submit_all
from migration_ops.mover.standby import standing_by
from migration_ops.mover.submission import Submission, remove
from migration_ops.mover.watching import look
from migration_ops.operators.ahead import Ahead
from migration_ops.operators.restore_point import commit
from migration_ops.vault import Repository


@dataclass
class Times:
    """Seconds of the steps of a downtime.

    :param moving: of them, how long the vault program worked in the movers
    """

    steps: dict[str, float] = field(default_factory=dict)
    moving: float = 0.0

    @property
    def downtime(self) -> float:
        """From the stop to the ready workload in the target."""
        return sum(self.steps.values())

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = time.monotonic()
        yield
        self.steps[name] = time.monotonic() - began


@dataclass
class Moves:
    """A plan with its clusters and vault.

    :param apis: a client for movers, by cluster
    """

    plan: Plan
    source: Cluster
    target: Cluster
    apis: dict[str, Any]
    repository: Repository
    credentials: Credentials

    def back_up(self, run: str, kind: Any) -> tuple[ReadAhead, float]:
        """Make a restore point while the application runs; return it and the movers' seconds."""
        claims = capture(self.source, selection(self.plan)).claims
        return self.save(run, kind, claims, latest_restore_point(self.repository, self.plan.name))

    def save(self, run: str, kind: Any, claims: Any, parent: Any) -> tuple[ReadAhead, float]:
        """Move the volumes' changes into the vault; the rest of the point is read meanwhile."""
        begun = {"id": f"{run}-{kind}", "kind": kind, "parent": parent.id if parent else None}
        begun["started"] = datetime.now(UTC).isoformat()
        tasks = backup_tasks(claims, point=begun["id"], kind=kind, parent=parent)
        specs = [backup_spec(self.plan, task, run, "bench") for task in tasks]
        jobs = self._start("source", specs)
        captured = Ahead(lambda: capture(self.source, selection(self.plan)))
        rule_sets = Ahead(lambda: rules_of(self.plan))
        summaries = self._see_through("source", specs, jobs)
        step = SimpleNamespace(
            the_plan=self.plan,
            source=self.source,
            repository=self.repository,
            log=logging.getLogger("bench.downtime"),
        )
        records = [
            task.record(summary).model_dump(mode="json")
            for task, summary in zip(tasks, summaries, strict=True)
        ]
        found = captured.result()
        point = commit(step, begun, records, found)  # type: ignore[arg-type]
        return ReadAhead(point, found, rule_sets.result()), _longest(summaries)

    def fill(self, run: str, saved: ReadAhead, action: str) -> tuple[Any, float]:
        """Adapt a restore point, bring its claims up to it; return both, and the movers' seconds."""
        adapted = adapt_restore_point(
            self.plan, self.repository, saved.point.id, self.target, run, ahead=saved
        )
        apply_part(self.plan, self.target, adapted.objects, run, part="claims").raise_for_failures()
        tasks = volumes_to_restore(self.plan, self.target, adapted, self.repository)
        specs = [restore_spec(self.plan, task, run, action) for task in tasks]
        summaries = self._see_through("target", specs, self._start("target", specs))
        for task, summary in zip(tasks, summaries, strict=True):
            assert not summary.get("differences"), summary
            mark_staged(self.target, (task.namespace, task.claim), task.snapshot_id)
        return adapted, _longest(summaries)

    def stand_by(self, run: str) -> None:
        """Start the movers of the downtime and wait until they run, as the cutover's `standby` does."""
        claims = capture(self.source, selection(self.plan)).claims
        saves = [
            backup_spec(self.plan, task, run, "bench")
            for task in backup_tasks(claims, point="", kind="final", parent=None)
        ]
        restores = [
            restore_spec(
                self.plan,
                RestoreTask(namespace=one.namespace, claim=one.name, snapshot_id=""),
                run,
                "restore",
            )
            for one in claims
        ]
        for side, specs in (("source", saves), ("target", restores)):
            jobs = self._start(side, [standing_by(spec) for spec in specs])
            while {seen.phase for seen in look(self.apis[side], jobs).values()} != {"running"}:
                time.sleep(0.3)

    def cut_over(self, run: str) -> Times:
        """Stop, move, start: what lies between is the downtime."""
        times = Times()
        stopping = 0.0

        def note(_record: Any) -> None:
            nonlocal stopping
            stopping = time.monotonic()  # nothing has been stopped before this

        parent = latest_restore_point(self.repository, self.plan.name)
        _record, claims = stop_source(
            self.plan, self.source, self.apis["source"], run, on_record=note, say=_nothing
        )
        times.steps["quiesce"] = time.monotonic() - stopping
        with times.step("final delta"):
            saved, moving = self.save(run, "final", claims, parent)
            times.moving += moving
        with times.step("restore"):
            adapted, moving = self.fill(run, saved, "restore")
            times.moving += moving
        with times.step("apply"):
            apply_part(self.plan, self.target, adapted.objects, run, part="resources").raise_for_failures()
        with times.step("ready"):
            found = wait_ready(self.target, readiness_subjects(adapted.objects), 300)
            assert found.ready, found.not_ready
        return times

    def take_back(self, *runs: str) -> None:
        """Undo runs in the target and start the source."""
        for run in runs:
            undo_run(self.plan, self.target, run, _nothing)
        resume_source(self.plan, self.source, self.apis["source"], say=_nothing)

    def _start(self, side: str, specs: list[MoverSpec]) -> dict[str, Submission]:
        found = submit_all(self.apis[side], specs, self.credentials)
        for job in found.values():
            if isinstance(job, Exception):
                raise job
        return cast("dict[str, Submission]", found)

    def _see_through(
        self, side: str, specs: list[MoverSpec], jobs: dict[str, Submission]
    ) -> list[dict[str, Any]]:
        api = self.apis[side]
        summaries: dict[str, dict[str, Any]] = {}
        began = time.monotonic()
        while len(summaries) < len(jobs):
            time.sleep(min(0.3, max(0.1, (time.monotonic() - began) / 10)))
            waiting = {item: job for item, job in jobs.items() if item not in summaries}
            for item, seen in look(api, waiting, listen=True).items():
                if seen.phase in {"failed", "gone"}:
                    raise RuntimeError(f"mover of {item}: {seen.reason}")
                if seen.summary is not None:
                    summaries[item] = seen.summary
        for job in jobs.values():
            remove(api, job.namespace, job.name)
        return [summaries[spec.item] for spec in specs]


def _longest(summaries: list[dict[str, Any]]) -> float:
    return max((float(one.get("total_duration") or 0) for one in summaries), default=0.0)


_nothing: Callable[[str], None] = lambda _: None  # noqa: E731
