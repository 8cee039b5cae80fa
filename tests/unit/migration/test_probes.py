"""A probe says what is wrong with the application's answer; that there is none is an answer, too."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest
from kubernetes import client

from migration_ops.cluster import Cluster, ClusterError, ClusterUnreachable, NotFound
from migration_ops.migration import probes
from migration_ops.migration.plan_verify import Probe
from migration_ops.migration.probes import ProbeResult, ask_probe

PROXY = "/api/v1/namespaces/shop/services/web:80/proxy/"


def probe(**question: Any) -> Probe:
    return Probe.model_validate({"http": {"service": "web", "port": 80, **question}})


def ask(answer: str | ClusterError, question: Probe) -> ProbeResult:
    """Ask an application that gives this answer."""
    cluster = create_autospec(Cluster, instance=True)
    cluster.get.side_effect = [answer]
    result = ask_probe(cluster, create_autospec(client.ApiClient, instance=True), question, "shop")
    assert cluster.get.call_args.args == (PROXY,)
    return result


@pytest.mark.parametrize("contains", [None, "Teapots"])
def test_the_right_answer_passes(contains: str | None) -> None:
    found = ask("Teapots", probe(contains=contains))
    assert found.passed
    assert found.detail == "as expected"
    assert found.probe == "http web:80/"


def test_an_answer_without_the_words_fails() -> None:
    found = ask("Teapots", probe(contains="Coffee"))
    assert not found.passed
    assert found.detail == "'Coffee' isn't in the answer"


def test_no_answer_fails_with_the_reason() -> None:
    found = ask(ClusterUnreachable("no endpoints available for service (503)"), probe())
    assert not found.passed
    assert "200 was expected" in found.detail
    assert "no endpoints" in found.detail


@pytest.mark.parametrize(("answer", "passes"), [(NotFound("nothing here", status=404), True), ("OK", False)])
def test_an_error_may_be_what_is_expected(answer: str | ClusterError, passes: bool) -> None:
    assert ask(answer, probe(status=404)).passed is passes


def test_a_command_has_the_time_that_the_plan_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_autospec(probes.run_in_pod, return_value=(0, "42 rows"))
    monkeypatch.setattr(probes, "run_in_pod", run)
    question = {"pod": "db-0", "command": ["count"], "contains": "42", "timeout": "5m"}
    cluster, api = create_autospec(Cluster, instance=True), create_autospec(client.ApiClient, instance=True)
    assert ask_probe(cluster, api, Probe.model_validate({"exec": question}), "shop").passed
    assert run.call_args.kwargs["timeout_seconds"] == 300
