"""What claims hold is asked one by one while they are few, else with a list for each namespace."""

from __future__ import annotations

from typing import Any

from migration_ops.migration.volumes import STAGED_SNAPSHOT
from migration_ops.ui.claims_now import held_snapshots


class Target:
    """Has 1,200 claims in each namespace, every second of them staged; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, path: str, *, query: dict[str, Any] | None = None, **_: Any) -> Any:
        self.asked.append(path)
        if query is None:
            return self.claim(path.rpartition("/")[2])
        first = int(query.get("continue", 0))
        last = min(1200, first + query["limit"])
        items = [self.claim(f"data-{number}") for number in range(first, last)]
        return {"items": items, "metadata": {"continue": str(last)} if last < 1200 else {}}

    def claim(self, name: str) -> dict[str, Any]:
        held = {STAGED_SNAPSHOT: f"of-{name}"} if int(name[5:]) % 2 else {}
        return {"metadata": {"name": name, "annotations": held}}

    def each(self, work: Any, items: list[Any]) -> Any:
        return map(work, items)


def test_thousands_of_claims_take_a_few_lists():
    target = Target()
    claims = [(namespace, f"data-{number}") for namespace in ("a", "b") for number in range(1000)]
    held = held_snapshots(target, claims)  # type: ignore[arg-type]
    assert len(held) == 1000
    assert held["b", "data-999"] == "of-data-999"
    assert len(target.asked) == 6


def test_few_claims_are_read_themselves():
    target = Target()
    assert held_snapshots(target, [("a", "data-1"), ("a", "data-2")]) == {  # type: ignore[arg-type]
        ("a", "data-1"): "of-data-1"
    }
    assert target.asked == [
        "/api/v1/namespaces/a/persistentvolumeclaims/data-1",
        "/api/v1/namespaces/a/persistentvolumeclaims/data-2",
    ]
