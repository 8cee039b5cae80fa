"""Whether Airflow itself goes on: without scheduler and triggerer, what is shown as running stands still."""

from __future__ import annotations

from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError
from migration_ops.ui.trouble import Trouble

WITHOUT = {
    "scheduler": "no run begins, and no step follows another",
    "triggerer": "what waits for movers, or for a window, isn't told when they are ready",
}
"""What stands still without each of Airflow's parts."""


async def parts_that_rest(airflow: AirflowApi) -> list[Trouble]:
    """A box for each part of Airflow that hasn't been heard of; none if Airflow doesn't say.

    Of an Airflow that doesn't answer at all, the lists of runs tell already.
    """
    try:
        health = await airflow.get("/monitor/health")
    except AirflowAwayError:
        return []
    return [
        Trouble(
            where=f"Airflow's {name}",
            message=f"{_heard(health[name].get(f'latest_{name}_heartbeat'))}: {lost}",
            remedy=f"Look at the {name}'s process and its log; runs go on when it is back.",
        )
        for name, lost in WITHOUT.items()
        if (health.get(name) or {}).get("status") == "unhealthy"
    ]


def _heard(heartbeat: str | None) -> str:
    return f"hasn't been heard of since {heartbeat[11:19]} UTC" if heartbeat else "has never been heard of"
