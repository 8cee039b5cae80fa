"""Approvers read what will be stopped, in its order, with what the plan doesn't choose."""

from __future__ import annotations

from unittest.mock import create_autospec

import pytest

from migration_ops.cluster import Capture, Cluster, QuiescedWorkload, QuiesceError, QuiesceRecord
from migration_ops.migration import Plan, stop_text
from migration_ops.migration.stopping import foresee_stop

PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "vault": {"conn_id": "b"},
        "movers": {"image": "mover:1"},
    }
)


def text(monkeypatch: pytest.MonkeyPatch, outcome: QuiesceRecord | Exception) -> str:
    foreseen = create_autospec(foresee_stop, side_effect=[outcome])
    monkeypatch.setattr(stop_text, "foresee_stop", foreseen)
    return stop_text.stop_text(
        PLAN, create_autospec(Cluster, instance=True), create_autospec(Capture, instance=True), "r"
    )


def record(
    *workloads: tuple[str, int], bare_pods: tuple[str, ...] = (), warnings: tuple[str, ...] = ()
) -> QuiesceRecord:
    stopped = tuple(QuiescedWorkload(name, wave, {}) for name, wave in workloads)
    return QuiesceRecord(
        "shop", "r", ("bank", "shop"), "", workloads=stopped, bare_pods=bare_pods, warnings=warnings
    )


def test_all_are_named_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = record(
        ("apps/v1/StatefulSet/shop/db", 2),
        ("batch/v1/CronJob/shop/nightly", 0),
        ("apps/v1/Deployment/shop/web", 1),
        ("apps/v1/Deployment/bank/web", 1),
        bare_pods=("v1/Pod/shop/tool",),
        warnings=("v1/Pod/shop/tool is not chosen, but mounts shop/data: it is stopped all the same",),
    )
    assert text(monkeypatch, found).splitlines() == [
        "**Stopped in the source** (5 in bank, shop), one line after the other:",
        "",
        "- `CronJob shop/nightly`",
        "- `Deployment shop/web`, `Deployment bank/web`",
        "- `StatefulSet shop/db`",
        "- `Pod shop/tool`",
        "",
        "v1/Pod/shop/tool is not chosen, but mounts shop/data: it is stopped all the same.",
    ]


def test_long_lists_are_cut_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    found = record(
        *((f"apps/v1/Deployment/shop/web-{number}", 1) for number in range(50)),
        ("apps/v1/StatefulSet/shop/db", 2),
    )
    said = text(monkeypatch, found)
    assert "`Deployment shop/web-39` and 10 more" in said
    assert said.endswith("- 1 more")


def test_what_stands_against_it_and_that_nothing_runs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "names deployment/wbe" in text(monkeypatch, QuiesceError("quiesce.waves names deployment/wbe"))
    assert "nothing; no workload" in text(monkeypatch, record())
