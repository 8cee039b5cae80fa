"""What hangs on a node or a webhook that comes back is looked at again before a cutover is refused."""

import time

import pytest

from migration_ops.migration.readiness_report import ReadinessReport, look_patiently
from migration_ops.migration.readiness_report.finding import finding

WEBHOOK = finding("webhooks", "blocker", "x", "has no backend")
QUOTA = finding("quota", "blocker", "x", "is too small")
ADVICE = finding("webhooks", "warning", "x", "may be slow")


@pytest.fixture
def paused(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def looks(*reports):
    left = [ReadinessReport.of(report, []) for report in reports]
    return lambda: ("situation", left.pop(0) if len(left) > 1 else left[0])


def test_one_that_passes_is_none(paused):
    _, found = look_patiently(looks([WEBHOOK], [WEBHOOK], [ADVICE]))
    assert found.blockers == []
    assert len(paused) == 2


def test_one_that_stays_is_told_after_a_minute(paused):
    _, found = look_patiently(looks([WEBHOOK]))
    assert found.blockers == [WEBHOOK]
    assert 60 <= sum(paused) <= 70


@pytest.mark.parametrize("findings", [[], [ADVICE], [QUOTA], [QUOTA, WEBHOOK]])
def test_nothing_else_is_waited_for(paused, findings):
    look_patiently(looks(findings))
    assert paused == []
