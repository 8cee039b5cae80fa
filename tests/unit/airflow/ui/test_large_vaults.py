"""A vault of a thousand restore points, and points of ten thousand objects: pages stay quick.

Measured is the processor's time of this process, which is what a page costs whatever else the machine does.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from migration_ops.migration.restore_point import snapshot_tags
from migration_ops.vault import list_snapshots, open_repository
from migration_ops.vault.snapshot import store_snapshot

from .conftest import FULL, INCREMENT, NOON, RUN, VAULT_PASSWORD, Hook, make_vault, save

POINTS, VOLUMES, OBJECTS = 1000, 3, 10_000
LIMIT_SECONDS = 1.0


@pytest.fixture(scope="module")
def large_vault(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The small vault with a point of many objects as the newest of many points, adapted."""
    location = make_vault(str(tmp_path_factory.mktemp("large") / "repository"))
    repository = open_repository(location, VAULT_PASSWORD)
    small = list_snapshots(repository, tags=snapshot_tags("shop", FULL, "resources"))[-1]
    volume = list_snapshots(repository, tags=snapshot_tags("shop", FULL, "volume"))[-1]
    keys = [f"apps/Deployment/ns-{n % 50}/web-{n}" for n in range(OBJECTS)]
    point = {
        "id": "", "plan": "shop", "kind": "full", "started": NOON.isoformat(), "finished": NOON.isoformat(),
        "cluster": {"name": "source", "identity": "1", "version": "1.20"},
        "left_out": [{"object": f"v1/Pod/ns/p-{n}", "reason": "made by another"} for n in range(OBJECTS)],
    }  # fmt: skip
    capture = {
        "format": 1,
        "claims": [],
        "left_out": [],
        "unreadable": [],
        "reasons": dict.fromkeys(keys, "chosen"),
    }
    changes = [
        {
            "object": key.replace("apps/", "apps/v1/"),
            "path": f"/metadata/a{n}",
            "rule": f"local/{n}",
            "from": "x",
            "to": None,
        }
        for key in keys
        for n in range(8)
    ]
    for number in range(POINTS):
        began = NOON + timedelta(days=1, hours=number)
        name = f"{began:%Y%m%dT%H%M%SZ}-incremental-dddddddd"
        at = int(began.timestamp() * 1e9)
        for claim in range(VOLUMES):
            tags = snapshot_tags("shop", name, "volume", "shop", f"data-{claim}")
            store_snapshot(repository, replace(volume, time=at, tags=tuple(tags)))
        if number < POINTS - 1:
            tags = snapshot_tags("shop", name, "resources")
            store_snapshot(repository, replace(small, time=at + 1, tags=tuple(tags)))
    tags = snapshot_tags("shop", name, "resources")
    save(repository, {"point.json": {**point, "id": name}, "capture.json": capture}, tags)
    tags = ["plan=shop", f"point={name}", "content=adapted", f"run={RUN}"]
    save(repository, {"report.json": {"changes": changes}, "objects.json": []}, tags)
    (Path(location) / "newest").write_text(name)
    return location


def test_every_page_of_a_large_vault_costs_less_than_a_second(pages, large_vault):
    newest = (Path(large_vault) / "newest").read_text()
    shown = pages(hook=lambda _: Hook(large_vault))
    at = f"/plans/shop/points/{newest}"
    paths = [
        "/", "/plans/shop", "/plans/shop/points?page=20", "/plans/shop/runs", f"/plans/shop/runs/{RUN}",
        "/plans/shop/volumes/shop/data-1", at, f"{at}/claims", f"{at}/objects",
        f"{at}/objects?q=web-99%20ns-4",
        f"{at}/objects?page=200", f"{at}/out?q=p-77", f"{at}/findings",
        f"{at}/object?key=apps/Deployment/ns-7/web-7", f"/plans/shop/points/{INCREMENT}/objects",
    ]  # fmt: skip
    began = time.monotonic()
    first = shown.get("/")
    waited = time.monotonic() - began
    assert first.status_code == 200  # whatever isn't read yet is said, not waited for
    cold, warm = {}, {}
    for path in paths:
        began = time.process_time()
        assert shown.settled(path).status_code == 200
        cold[path] = time.process_time() - began
        began = time.process_time()
        assert shown.get(path).status_code == 200
        warm[path] = time.process_time() - began
    print(f"\nfirst answer of a process that has read nothing: {waited:.2f} s by the clock")
    for path in paths:
        print(f"{path.replace(newest, 'POINT'):60} first {cold[path]:6.3f} s, then {warm[path]:6.3f} s")
    slow = {path: seconds for path, seconds in warm.items() if seconds > LIMIT_SECONDS}
    assert slow == {}
    # The first look opens the point: 0.3 s here; the bound is for machines that are busy and slow.
    assert cold[at] < 4 * LIMIT_SECONDS
    assert json.loads(shown.get(f"/api{at}/objects").text)["total"] == OBJECTS
    assert shown.settled("/api/plans").json()["plans"][0]["points"] == POINTS + 2
