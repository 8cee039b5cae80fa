"""The record of a lab, which several threads and processes write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab import instance as records
from tests.lab.instance import Instance, load_instance


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(records, "RUN_ROOT", tmp_path)
    made = Instance("one", slot=3, boot="b", ports={"ceph-mon": 1})
    made.save()
    return made


def test_folders_recorded_at_the_same_time_are_all_kept(lab: Instance) -> None:
    folders = [f"/made/{number}" for number in range(40)]

    def record(folder: str) -> None:
        found = load_instance("one")
        assert found
        found.add_made_folders([folder])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, folders))
    kept = load_instance("one")
    assert kept
    assert sorted(kept.made_folders) == sorted(folders)
    assert kept.slot == 3
    assert [path.name for path in lab.run.iterdir()] == ["instance.json"]


def test_a_damaged_record_counts_as_lost(lab: Instance) -> None:
    (lab.run / "instance.json").write_text('{"name": "one"}ntainerd"]}')
    assert load_instance("one") is None
