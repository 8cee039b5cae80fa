"""All that a plan's page shows, gathered at once; what can't be had is named instead."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import HTTPException, status

from migration_ops.migration.report_page.model import FindingLine
from migration_ops.migration.restore_point import POINT_FILE, RestorePoint
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError
from migration_ops.ui.airflow_runs import PAGE, Found, newest_runs
from migration_ops.ui.changes import read_secret_values
from migration_ops.ui.claims_now import held_snapshots
from migration_ops.ui.plan_state import Downtime
from migration_ops.ui.point_contents import Adaptation, Contents, read_adaptation, read_contents
from migration_ops.ui.runs import downtime_of, forecast_downtime, read_events
from migration_ops.ui.shelf import StillReadingError
from migration_ops.ui.sources import FIRST_WAIT, Sources
from migration_ops.ui.trouble import Trouble, trouble, without
from migration_ops.ui.vault_index import PlanSlips, PointSlips
from migration_ops.vault import read_file

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.migration.journal import Event

T = TypeVar("T")

_FORECAST_POINTS, _FORECAST_RUNS = 12, 10
_FORECAST_FRESH = 60.0
_STAGED_FRESH = 10.0

AGAIN = {"Retry-After": "1"}
"""Headers of what isn't known as long as the vault hasn't answered."""


@dataclass
class PlanView:
    """Asks for one plan, and collects what goes wrong.

    :param strict: whether the answer is for a program, which must not take a part for the whole.
    :param troubles: what couldn't be asked so far.
    :param silent: whether the vault couldn't be asked what it holds.
    """

    plan: Plan
    sources: Sources
    strict: bool = False
    troubles: list[Trouble] = field(default_factory=list)
    silent: bool = False

    async def slips(self) -> PlanSlips | None:
        """What the vault holds; nothing if it can't be asked."""
        found = await self._tried(self.sources.slips(self.plan))
        self.silent = found is None
        return found

    async def contents(self, point: PointSlips) -> Contents | None:
        """A restore point, opened."""
        snapshot = point.resources.id
        return await self._tried(
            self.sources.from_vault(
                self.plan,
                ("contents", snapshot),
                lambda repository: read_contents(repository, snapshot),
                weight=lambda one: one.weight,
            )
        )

    async def adaptation(self, slips: PlanSlips, point: PointSlips) -> Adaptation | None:
        """What the rules made of a point; nothing if they weren't run on it."""
        slip = slips.adapted.get(point.id)
        if slip is None:
            return None
        return await self._tried(
            self.sources.from_vault(
                self.plan,
                ("adapted", slip.id),
                lambda repository: read_adaptation(repository, slip.id),
                weight=lambda one: one.weight,
            )
        )

    async def events(self, slips: PlanSlips, run: str) -> list[Event] | None:
        """The journal of a run."""
        return await self._tried(self._events(slips, run, FIRST_WAIT))

    async def _events(self, slips: PlanSlips, run: str, wait: float) -> list[Event]:
        of_run = slips.journal.get(run, [])
        return await self.sources.from_vault(
            self.plan,
            ("events", run, tuple(one.id for one in of_run)),
            lambda repository: read_events(repository, of_run),
            wait=wait,
            weight=lambda found: 5 * len(found) + 1,
            series=None if self.strict else ("events", self.plan.name, run),
        )

    async def document(self, snapshot: str, file: str) -> str | None:
        """One document of a snapshot."""
        return await self._tried(
            self.sources.from_vault(
                self.plan,
                ("document", snapshot, file),
                lambda repository: read_file(repository, snapshot, f"/{file}").decode(),
                weight=lambda text: 1 + len(text) // 100,
            )
        )

    async def secrets(self, point: PointSlips) -> frozenset[str] | None:
        """The values of the point's Secrets, to keep them out of texts; nothing if they can't be read."""
        snapshot = point.resources.id
        try:
            return await self.sources.from_vault(
                self.plan,
                ("secrets", snapshot),
                lambda repository: read_secret_values(repository, snapshot),
                fresh=600,
                weight=lambda found: len(found) + 1,
            )
        except StillReadingError as error:
            self._note(self.sources.vault_trouble(self.plan, error))
        except Exception:  # noqa: BLE001 - without them no value is shown, which says enough
            return None
        return None

    async def downtime(self, slips: PlanSlips) -> Downtime | None:
        """The forecast of a cutover's downtime, once it has been worked out."""
        if self.plan.target is None or not slips.points:
            return None
        points = slips.points[-_FORECAST_POINTS:]
        runs = sorted(slips.journal, key=lambda run: slips.journal[run][-1].time)[-_FORECAST_RUNS:]
        key = (
            "forecast",
            self.plan.name,
            points[-1].resources.id,
            *(slips.journal[run][-1].id for run in runs),
        )

        def forecast(repository: Any) -> Downtime | None:
            records = [_record(repository, one.resources.id) for one in points]
            events = [event for run in runs for event in read_events(repository, slips.journal[run])]
            return downtime_of(forecast_downtime(self.plan, records, events))

        try:
            return await self.sources.from_vault(
                self.plan,
                key,
                forecast,
                fresh=_FORECAST_FRESH,
                keep=600,
                wait=0.3,
                series=None if self.strict else ("forecast", self.plan.name),
            )
        except Exception:  # noqa: BLE001 - not known yet, or the vault's trouble, which is said elsewhere
            return None

    async def staged(self, point: PointSlips) -> dict[tuple[str, str], str] | None:
        """By claim of the target, the snapshot that it holds; nothing if the target can't be asked."""
        target = self.plan.target
        if target is None:
            return None
        claims = tuple((self.plan.target_namespace(one.volume[0]), one.volume[1]) for one in point.volumes)
        try:
            return await self.sources.from_cluster(
                target.conn_id,
                ("staged", claims),
                lambda cluster: held_snapshots(cluster, claims),
                fresh=_STAGED_FRESH,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said on the page
            self.note(trouble(f"cluster {target.conn_id}", error))
            return None

    async def _tried(self, asked: Awaitable[T]) -> T | None:
        try:
            return await asked
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said on the page
            self._note(self.sources.vault_trouble(self.plan, error))
            return None

    def note(self, said: Trouble) -> None:
        """Say once what couldn't be asked.

        Who is still being asked isn't named again a second later, and who gives no answer has one box.
        """
        before = [one for one in self.troubles if one.where == said.where]
        if said in before or (said.reading and any(one.reading or one.silent for one in before)):
            return
        if said.silent:
            if any(one.silent for one in before):
                return
            self.troubles[:] = [one for one in self.troubles if one not in before or not one.reading]
        self.troubles.append(said)

    def _note(self, said: Trouble) -> None:
        if self.strict:
            detail = f"{said.where} {said.message}"
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, detail, AGAIN)
        self.note(said)


def without_secrets(findings: Sequence[FindingLine], secrets: frozenset[str] | None) -> list[FindingLine]:
    """Findings whose texts quote no secret; without texts if the secrets aren't known."""
    if secrets is None:
        hidden = "not shown: the Secrets of this restore point could not be read"
        return [one.model_copy(update={"text": hidden, "suggestion": ""}) for one in findings]
    return [
        one.model_copy(
            update={"text": without(one.text, secrets), "suggestion": without(one.suggestion, secrets)}
        )
        for one in findings
    ]


async def runs_of(view: PlanView, airflow: AirflowApi, most: int = PAGE) -> Found:
    """The newest runs of the plan's DAGs; none if Airflow doesn't say, which is noted."""
    try:
        return await newest_runs(airflow, view.plan.name, most)
    except AirflowAwayError as error:
        view.note(trouble("Airflow", error))
        return Found()


def _record(repository: Any, snapshot: str) -> RestorePoint:
    return RestorePoint.model_validate_json(read_file(repository, snapshot, f"/{POINT_FILE}"))
