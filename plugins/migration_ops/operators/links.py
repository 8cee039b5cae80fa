"""Links from a task in Airflow to its place on the page Migrations.

Airflow asks an operator for its links when the task ends in a worker, and a mover's task ends in the
triggerer: so movers write theirs down as they start, where Airflow looks for it, and it is there while they
run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlparse

from airflow.sdk import BaseOperatorLink

from migration_ops.mover import run_key

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

_PAGES = "/migration-ops"
_WITH_JOURNAL = (".cutover", ".rollback", ".rehearse", ".restore", ".stage")
"""DAGs whose runs write into the journal; others have no page but their plan's."""


class RunLink(BaseOperatorLink):
    """To the page of the run, with its timeline and report; to the plan's, where runs have none."""

    name = "Migration"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address; empty for a task that belongs to no plan."""
        plan = _plan_of(operator)
        if not plan:
            return ""
        at = f"{_root()}/plans/{quote(plan)}"
        if not ti_key.dag_id.endswith(_WITH_JOURNAL):
            return at
        return f"{at}/runs/{quote(run_key(ti_key.dag_id, ti_key.run_id))}"


class VolumeLink(BaseOperatorLink):
    """To the page of the volume: its restore points, and its mover while it runs."""

    name = "Volume"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address; empty as long as the volume isn't known."""
        return volume_address(operator)


def volume_address(operator: Any) -> str:
    """Where the page of a task's volume is."""
    plan, volume = _plan_of(operator), getattr(operator, "volume", None)
    if not plan or not isinstance(volume, dict):
        return ""
    namespace = str(volume["namespace"])
    if "snapshot_id" in volume:  # of the target: pages call volumes as the source does
        back = {there: here for here, there in (operator.plan.get("namespaces") or {}).items()}
        namespace = back.get(namespace, namespace)
    return f"{_root()}/plans/{quote(plan)}/volumes/{quote(namespace)}/{quote(str(volume['claim']))}"


def note_volume_link(context: Context, operator: Any) -> None:
    """Write a mover's link where Airflow looks for it, before the task defers."""
    address, ti = volume_address(operator), context.get("ti")
    if address and ti is not None:
        ti.xcom_push(key=VolumeLink().xcom_key, value=address)


def _plan_of(operator: Any) -> str:
    plan = getattr(operator, "plan", None)
    return str(plan.get("name") or "") if isinstance(plan, dict) else ""


def _root() -> str:
    from airflow.sdk import conf

    return urlparse(conf.get("api", "base_url", fallback="") or "").path.rstrip("/") + _PAGES
