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
from typing import Any

from migration_ops.cluster import Cluster, capture, wait_ready
from migration_ops.migration.adaptation import selection
from migration_ops.migration.mover_specs import backup_spec, restore_spec
from migration_ops.migration.plan import Plan
from migration_ops.migration.staging import mark_staged
from migration_ops.migration.stopping import resume_source, stop_source, undo_run
from migration_ops.migration.target import (
    adapt_restore_point,
    apply_part,
    readiness_subjects,
    volumes_to_restore,
)
from migration_ops.migration.vault_records import latest_restore_point
from migration_ops.migration.volumes import backup_tasks
from migration_ops.mover import Credentials, MoverSpec
from migration_ops.mover.submission import remove, submit
from migration_ops.mover.watching import look
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

    def save(self, run: str, kind: Any, claims: Any = None) -> tuple[str, float]:
        """Make a restore point; return its id and the movers' seconds."""
        claims = capture(self.source, selection(self.plan)).claims if claims is None else claims
        parent = latest_restore_point(self.repository, self.plan.name)
        begun = {"id": f"{run}-{kind}", "kind": kind, "parent": parent.id if parent else None}
        begun["started"] = datetime.now(UTC).isoformat()
        tasks = backup_tasks(claims, point=begun["id"], kind=kind, parent=parent)
        summaries = self._movers("source", [backup_spec(self.plan, task, run, "bench") for task in tasks])
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
        commit(step, begun, records)  # type: ignore[arg-type]
        return begun["id"], _longest(summaries)

    def fill(self, run: str, point: str, action: str) -> tuple[Any, float]:
        """Adapt a restore point, bring its claims up to it; return both, and the movers' seconds."""
        adapted = adapt_restore_point(self.plan, self.repository, point, self.target, run)
        apply_part(self.plan, self.target, adapted.objects, run, part="claims").raise_for_failures()
        tasks = volumes_to_restore(self.plan, self.target, adapted, self.repository)
        summaries = self._movers("target", [restore_spec(self.plan, task, run, action) for task in tasks])
        for task, summary in zip(tasks, summaries, strict=True):
            assert not summary.get("differences"), summary
            mark_staged(self.target, (task.namespace, task.claim), task.snapshot_id)
        return adapted, _longest(summaries)

    def cut_over(self, run: str) -> Times:
        """Stop, move, start: what lies between is the downtime."""
        times = Times()
        with times.step("quiesce"):
            _record, claims = stop_source(
                self.plan, self.source, self.apis["source"], run, on_record=lambda _: None, say=_nothing
            )
        with times.step("final delta"):
            point, moving = self.save(run, "final", claims)
            times.moving += moving
        with times.step("restore"):
            adapted, moving = self.fill(run, point, "restore")
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

    def _movers(self, side: str, specs: list[MoverSpec]) -> list[dict[str, Any]]:
        api = self.apis[side]
        jobs = {spec.item: submit(api, spec, self.credentials) for spec in specs}
        summaries: dict[str, dict[str, Any]] = {}
        while len(summaries) < len(jobs):
            time.sleep(0.3)
            waiting = {item: job for item, job in jobs.items() if item not in summaries}
            for item, seen in look(api, waiting).items():
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
