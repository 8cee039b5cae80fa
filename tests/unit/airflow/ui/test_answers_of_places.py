"""Vaults and clusters that fall silent, or whose connections change while pages are looked at."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from migration_ops.cluster.errors import ClusterError, ClusterUnreachable
from migration_ops.migration import Plan
from migration_ops.ui.plan_view import PlanView
from migration_ops.ui.shelf import StillReadingError
from migration_ops.ui.sources import Sources, _digest
from migration_ops.ui.trouble import trouble

from .conftest import PLAN, Hook, make_vault

SHOP = Plan.model_validate(PLAN)


class Connection:
    """Where a connection leads to, and what was opened through it."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.opened: list[str] = []

    def content(self, _conn_id: str) -> str:
        return self.location

    def hook(self, _conn_id: str) -> Any:
        self.opened.append(self.location)
        return Hook(self.location)

    def cluster(self, _conn_id: str) -> Any:
        self.opened.append(self.location)
        return self.location


def sources_of(connection: Connection) -> Sources:
    return Sources(hook=connection.hook, cluster=connection.cluster, content=connection.content)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are compared, and vaults asked, at every look."""
    for name in ("_COMPARE_SECONDS", "_SLIPS_FRESH", "_SLIPS_KEPT"):
        monkeypatch.setattr(f"migration_ops.ui.sources.{name}", 0.0)


def test_a_vault_whose_connection_was_changed_is_opened_anew(
    at_once: None, vault: str, tmp_path: Any
) -> None:
    connection = Connection(vault)
    sources = sources_of(connection)

    async def look() -> int:
        return len((await sources.slips(SHOP, wait=60)).points)

    assert [asyncio.run(look()), asyncio.run(look())] == [2, 2]
    assert connection.opened == [vault]
    connection.location = make_vault(str(tmp_path / "other"))
    asyncio.run(look())
    assert connection.opened == [vault, connection.location]


def test_a_cluster_whose_connection_was_changed_is_connected_anew(at_once: None) -> None:
    connection = Connection("east")
    sources = sources_of(connection)

    async def look(key: int) -> Any:
        return await sources.from_cluster("shop_source", key, lambda cluster: cluster, fresh=0)

    assert [asyncio.run(look(1)), asyncio.run(look(2))] == ["east", "east"]
    connection.location = "west"
    assert asyncio.run(look(3)) == "west"
    assert connection.opened == ["east", "west"]


def test_a_vault_that_falls_silent_after_a_good_look_is_not_told_as_being_read(
    at_once: None, vault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = sources_of(Connection(vault))
    asyncio.run(sources.slips(SHOP, wait=60))
    index = sources._open["shop_vault"].held
    answers, asked = threading.Event(), threading.Event()

    def silent(_kind: Any) -> list[Any]:
        asked.set()
        answers.wait(60)
        return []

    monkeypatch.setattr(index.repository.backend, "list", silent)
    with pytest.raises(StillReadingError):
        asyncio.run(sources.slips(SHOP, wait=0.01))
    assert asked.wait(60)
    told = sources.vault_trouble(SHOP, StillReadingError("", 180.0))
    answers.set()
    assert "hasn't answered for 180 s" in told.message


def test_a_first_reading_that_stands_still_is_told_as_silence(
    vault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = sources_of(Connection(vault))
    asyncio.run(sources.slips(SHOP, wait=60))
    index = sources._open["shop_vault"].held
    index._read, index._to_read, index._moved = 3, 10, time.monotonic()
    said = sources.vault_trouble(SHOP, StillReadingError("", 40.0)).message
    assert said == "is being read: 3 of 10 snapshots so far"
    index._moved -= 30
    assert "hasn't answered for 40 s" in sources.vault_trouble(SHOP, StillReadingError("", 40.0)).message


def test_a_place_that_is_still_being_asked_is_named_once(vault: str) -> None:
    view = PlanView(SHOP, sources_of(Connection(vault)))
    for seconds in (51.0, 52.0):
        view.note(trouble("vault shop_vault", StillReadingError("", seconds)))
    view.note(trouble("cluster shop_target", StillReadingError("", 52.0)))
    view.note(trouble("vault shop_vault", ClusterError("something else")))
    assert [one.message.partition(",")[0] for one in view.troubles] == [
        "hasn't answered for 51 s",
        "hasn't answered for 52 s",
        "something else",
    ]


def test_a_cluster_that_gives_no_answer_has_one_box_without_what_it_was_asked(vault: str) -> None:
    view, where = PlanView(SHOP, sources_of(Connection(vault))), "cluster shop_source"
    brief = "no answer (connection refused); check that https://10.0.0.1:6443 is up and reachable"
    view.note(trouble(where, StillReadingError("", 1.0)))
    for asked in ("list pods", "read claim shop/data"):
        view.note(trouble(where, ClusterUnreachable(f"{asked} on old: no answer for 2 s", brief)))
    view.note(trouble(where, StillReadingError("", 2.0)))
    view.note(trouble("cluster shop_target", StillReadingError("", 2.0)))
    assert [(one.where, one.reading) for one in view.troubles] == [
        (where, False),
        ("cluster shop_target", True),
    ]
    assert view.troubles[0].model_dump() == {
        "where": where,
        "message": brief,
        "remedy": "",
        "reading": False,
    }


def test_any_field_of_a_connection_counts_and_those_of_the_connection_that_its_keys_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def says(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    def vault_says(password: str, region: str) -> None:
        extra = {"aws_conn_id": "keys", "region": region}
        says("kept", conn_type="migration_ops_vault", host="s3:https://a/b", password=password, extra=extra)

    vault_says("p", "east")
    without_keys = _digest("kept")
    says("keys", conn_type="aws", login="a", password="b")
    first = _digest("kept")
    assert first == _digest("kept")
    says("keys", conn_type="aws", login="a", password="c")
    other_keys = _digest("kept")
    vault_says("q", "east")
    other_password = _digest("kept")
    vault_says("q", "west")
    assert len({without_keys, first, other_keys, other_password, _digest("kept")}) == 5
