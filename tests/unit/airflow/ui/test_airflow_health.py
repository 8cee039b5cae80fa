"""An Airflow whose scheduler or triggerer is away is told on the pages; runs look alive without them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from migration_ops.ui.airflow_api import AirflowAwayError
from migration_ops.ui.airflow_health import parts_that_rest

HEALTHY = {"status": "healthy"}
GONE = {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-11-23T12:30:59.1+00:00"}


class Answering:
    """Airflow's API, with one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def get(self, path: str, **_: Any) -> Any:
        assert path == "/monitor/health"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def said(answer: Any) -> list[str]:
    """What the boxes say."""
    return [f"{one.where} {one.message}" for one in asyncio.run(parts_that_rest(Answering(answer)))]


def test_an_airflow_that_goes_on_needs_no_box() -> None:
    assert said({"scheduler": HEALTHY, "triggerer": HEALTHY}) == []


def test_a_scheduler_that_is_away_is_told_with_the_time_of_its_last_sign() -> None:
    (box,) = said({"scheduler": GONE, "triggerer": HEALTHY})
    assert box.startswith("Airflow's scheduler hasn't been heard of since 12:30:59 UTC: no run begins")


def test_a_triggerer_that_never_began_is_told() -> None:
    gone = {"status": "unhealthy", "latest_triggerer_heartbeat": None}
    (box,) = said({"scheduler": HEALTHY, "triggerer": gone})
    assert box.startswith("Airflow's triggerer has never been heard of: what waits for movers")


@pytest.mark.parametrize(
    "answer", [{"scheduler": HEALTHY, "triggerer": {"status": None}}, {}, AirflowAwayError("no answer")]
)
def test_what_airflow_does_not_say_is_no_alarm(answer: Any) -> None:
    assert said(answer) == []
