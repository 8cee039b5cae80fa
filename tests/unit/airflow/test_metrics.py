"""Figures arrive where Airflow is told to send them: here, a StatsD server on a real socket."""

import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk._shared.observability.metrics import stats as shared
from airflow.sdk._shared.observability.metrics.statsd_logger import get_statsd_logger
from statsd import StatsClient

from migration_ops import metrics

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
VOLUME = {"namespace": "shop", "claim": "data", "seconds": 1.5, "added_bytes": 7, "warnings": ["w"]}
DONE = {"kind": "full", "bytes": 10, "added_bytes": 3, "objects": 4, "seconds": 2.5, "volumes": [VOLUME]}


@pytest.fixture
def server(monkeypatch):
    """What arrives, as one text."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        logger = get_statsd_logger(
            stats_class=StatsClient,
            host="127.0.0.1",
            port=receiver.getsockname()[1],
            prefix="airflow",
            ipv6=False,
        )
        monkeypatch.setattr(shared, "_backend", logger)

        def arrived():
            lines = []
            while True:
                try:
                    lines += receiver.recv(65_536).decode().splitlines()
                except TimeoutError:
                    return lines

        yield arrived
        logger.statsd.close()


def test_a_restore_point_is_measured(server):
    metrics.measure_restore_point("shop", DONE)
    lines = server()
    assert "airflow.migration_ops.restore_point.bytes:10|g" in lines
    assert "airflow.migration_ops.shop.restore_point.added_bytes:3|g" in lines
    assert "airflow.migration_ops.shop.restore_point.warnings:1|g" in lines
    assert "airflow.migration_ops.shop.restore_point.duration:2500.000000|ms" in lines
    assert "airflow.migration_ops.shop.volume.duration:1500.000000|ms" in lines
    assert "airflow.migration_ops.shop.restore_points:1|c" in lines


def test_age_forecast_and_downtime_are_measured(server):
    metrics.measure_age("shop", datetime.now(UTC) - timedelta(hours=1))
    metrics.measure_age("shop", None)
    metrics.measure_forecast("shop", 40.0)
    metrics.measure_downtime("shop", 42.5)
    metrics.measure_downtime("shop", None)
    values = {name: value for name, _, value in (line.partition(":") for line in server())}
    assert float(values["airflow.migration_ops.shop.restore_point.age"].split("|")[0]) == pytest.approx(
        3600, abs=60
    )
    assert values["airflow.migration_ops.shop.forecast.downtime"] == "40.0|g"
    assert values["airflow.migration_ops.cutover.downtime"] == "42.5|g"


def test_a_server_that_refuses_figures_fails_no_run(monkeypatch, caplog):
    class Broken:
        def __getattr__(self, _name):
            raise OSError("no buffer space")

    monkeypatch.setattr(shared, "_backend", Broken())
    metrics.measure_forecast("shop", 1.0)
    assert "could not be sent" in caplog.text


def test_the_page_names_every_figure():
    figures = PAGE.read_text(encoding="utf-8").split("\n## ")[0]
    named = set(re.findall(r"^\| `([a-z_.]+)`", figures, re.MULTILINE))
    assert named == set(metrics.NAMES)
