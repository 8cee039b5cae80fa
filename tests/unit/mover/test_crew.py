"""Several movers are started side by side, and each has its own outcome."""

import threading

import pytest

from migration_ops.mover import Credentials, MoverError, MoverSpec, crew
from migration_ops.mover.submission import Submission


def spec(claim: str) -> MoverSpec:
    return MoverSpec(
        namespace="shop",
        claim=claim,
        plan="shop",
        run="run",
        action="final",
        command=("backup",),
        image="mover:1",
    )


def test_movers_are_started_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(crew.AT_ONCE, timeout=30)

    def submit(_api, one, _credentials):
        together.wait()
        return Submission("shop", one.name, "uid", adopted=False)

    monkeypatch.setattr("migration_ops.mover.submission.submit", submit)
    claims = [f"data-{number}" for number in range(crew.AT_ONCE)]
    found = crew.submit_all(None, [spec(claim) for claim in claims], Credentials({}))
    assert list(found) == [f"shop/{claim}" for claim in claims]


def test_one_that_is_refused_is_told_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(_api, one, _credentials):
        if one.claim == "data-1":
            raise MoverError("no room")
        return Submission("shop", one.name, "uid", adopted=False)

    monkeypatch.setattr("migration_ops.mover.submission.submit", submit)
    found = crew.submit_all(None, [spec(f"data-{number}") for number in range(3)], Credentials({}))
    assert {item: isinstance(one, MoverError) for item, one in found.items()} == {
        "shop/data-0": False,
        "shop/data-1": True,
        "shop/data-2": False,
    }
