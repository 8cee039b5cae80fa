"""What a cutover is forecast from and shown with: the newest restore point of all that the plan selects."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from migration_ops.migration import Plan, cutover
from migration_ops.migration.aftermath import FinishedError
from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.events import Event
from migration_ops.migration.forecast import from_vault
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord
from migration_ops.ui.runs import forecast_downtime

THEN = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "target": {"conn_id": "b"},
        "vault": {"conn_id": "v"},
        "movers": {"image": "m"},
    }
)


def point(number, *claims, partial=False):
    began = THEN + timedelta(hours=number)
    volumes = [
        VolumeRecord(
            namespace="shop",
            claim=claim,
            snapshot_id="0" * 64,
            bytes=2**30,
            files=1,
            added_bytes=2**20,
            seconds=1,
            consistency="live",
        )
        for claim in claims
    ]
    return RestorePoint(
        id=f"p{number}",
        plan="shop",
        kind="full",
        started=began,
        finished=began + timedelta(minutes=1),
        cluster=SourceCluster(name="s", identity="u", version="v1.20.2"),
        volumes=volumes,
        partial=partial,
    )


WHOLE, PART = point(1, "data", "queue"), point(2, "data", partial=True)
JOURNAL = SimpleNamespace(events=lambda **_: [])


@pytest.fixture
def world(monkeypatch):
    """A vault with these points, and clusters in which all is well."""
    world = SimpleNamespace(points=[WHOLE, PART], gathered=[])

    def gather(*_arguments, latest, **_options):
        world.gathered.append(latest.id)
        return SimpleNamespace(capture=None)

    nothing_probed = SimpleNamespace(vault=None, pulls=None, rate=lambda *_: None)
    monkeypatch.setattr(cutover, "find_restore_points", lambda *_: world.points)
    monkeypatch.setattr(from_vault, "find_restore_points", lambda *_: world.points)
    monkeypatch.setattr(cutover, "last_probed", lambda _journal: nothing_probed)
    monkeypatch.setattr(cutover, "look_patiently", lambda look: look())
    monkeypatch.setattr(cutover, "gather", gather)
    monkeypatch.setattr(cutover, "readiness_report", lambda _situation: None)
    monkeypatch.setattr(cutover, "stop_text", lambda *_: "")
    return world


def prepare():
    return cutover.prepare(PLAN, None, None, None, journal=JOURNAL, run="r")


def volumes_of(forecast):
    return {volume.claim for volume in forecast.volumes}


def test_a_later_point_of_some_namespaces_changes_nothing(world):
    found = prepare()
    assert found.latest == WHOLE
    assert world.gathered == ["p1"]
    assert volumes_of(found.forecast) == {"data", "queue"}
    assert volumes_of(from_vault.forecast_cutover(PLAN, None, JOURNAL)) == {"data", "queue"}
    assert volumes_of(forecast_downtime(PLAN, world.points, [])) == {"data", "queue"}


def test_a_finished_migration_is_not_cut_over_once_more(world, monkeypatch):
    done = Event(plan="shop", run="c1", name="finished", began=THEN)
    monkeypatch.setattr(JOURNAL, "events", lambda **_: [done])
    with pytest.raises(FinishedError, match=r"finished by c1.*Take it back first: .*`rollback`"):
        prepare()
    assert world.gathered == []
    back = Event(plan="shop", run="c1", name="rolled-back", began=THEN)
    monkeypatch.setattr(JOURNAL, "events", lambda **_: [done, back])
    assert prepare().latest == WHOLE


def test_points_of_some_namespaces_alone_are_not_enough(world):
    world.points = [PART]
    with pytest.raises(RestorePointError, match=r"all that plan shop selects: run shop\.backup first"):
        prepare()
    assert from_vault.forecast_cutover(PLAN, None, JOURNAL) is None
    assert forecast_downtime(PLAN, world.points, []) is None
