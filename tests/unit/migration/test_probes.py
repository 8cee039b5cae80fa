"""A probe is asked until the application has had its time; an API server that is away takes none of it."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import create_autospec

import pytest
from kubernetes import client

from migration_ops.cluster import Cluster, ClusterUnreachable
from migration_ops.migration.plan_sections import Probe
from migration_ops.migration.probes import run_probe

PROXY = "/api/v1/namespaces/shop/services/web:80/proxy/"


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.pass_by)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def probe(**question: Any) -> Probe:
    return Probe.model_validate({"http": {"service": "web", "port": 80, "timeout": "20s", **question}})


def cluster_that(clock: Clock, *, answers_from: float, away: tuple[float, float] = (0.0, 0.0)) -> Cluster:
    """The application answers from a moment on; the API server is away between two others."""
    found = create_autospec(Cluster, instance=True)

    def get(path: str, **options: Any) -> Any:
        if away[0] <= clock.now < away[1]:
            if path == PROXY:
                raise ClusterUnreachable("no answer (connection refused)")
            clock.now = away[1]
        if path == PROXY and clock.now < answers_from:
            raise ClusterUnreachable("no endpoints available for service (503)")
        return "Teapots"

    found.get.side_effect = get
    return found


def ask(cluster: Cluster, question: Probe) -> Any:
    return run_probe(cluster, create_autospec(client.ApiClient, instance=True), question, "shop")


def test_an_application_that_warms_up_has_its_time(clock: Clock) -> None:
    found = ask(cluster_that(clock, answers_from=15), probe(contains="Teapots"))
    assert found.passed
    assert found.detail == "as expected"
    assert found.probe == "http web:80/"


def test_one_that_takes_longer_has_failed_with_the_last_answer(clock: Clock) -> None:
    found = ask(cluster_that(clock, answers_from=60), probe())
    assert not found.passed
    assert "no endpoints" in found.detail
    assert 20 < clock.now < 25


def test_the_time_in_which_the_api_server_is_away_is_not_the_applications(clock: Clock) -> None:
    found = ask(cluster_that(clock, answers_from=70, away=(2, 65)), probe())
    assert found.passed
    assert found.seconds >= 68


def test_an_answer_without_the_words_fails(clock: Clock) -> None:
    found = ask(cluster_that(clock, answers_from=0), probe(contains="Coffee"))
    assert not found.passed
    assert found.detail == "'Coffee' isn't in the answer"
