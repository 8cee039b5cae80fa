"""Ten cutovers in a row, each taken back: the writer commits until the stop itself, and nothing is lost.

Runs with `make test-long`, since it takes half an hour. The figures of each run are printed.
"""

from __future__ import annotations

import os

import pytest

from tests.e2e.cutovers import Cutovers

LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`
pytestmark = [pytest.mark.lab, pytest.mark.s3, pytest.mark.timeout(5400), pytest.mark.xdist_group("e2e")]
RUNS = 10

if LONG:

    def test_no_acknowledged_order_is_lost_and_the_third_run_takes_as_long_as_forecast(
        cutovers: Cutovers,
    ) -> None:
        for _ in range(RUNS):
            ended = cutovers.run()
            assert ended.orders > 0
            assert ended.questions == []
            cutovers.check_back()
        expected, measured = cutovers.done[2].forecast, cutovers.done[2].downtime
        assert expected is not None
        assert expected == pytest.approx(measured, rel=0.3)
