"""The journal knows what all tries of a stop stopped, when the downtime began, whether it was taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from kubernetes.client import ApiClient

from migration_ops.cluster import (
    Capture,
    Cluster,
    QuiescedWorkload,
    QuiesceRecord,
    ResumeResult,
    resume,
)
from migration_ops.migration import Plan, stopping
from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.events import HOOKS_BEGUN, QUIESCE_BEGUN, RESUMED
from migration_ops.migration.journal import Journal
from migration_ops.migration.stop_record import StopJournal, last_stop, refuse_resumed
from migration_ops.vault import init_repository

WEB, DB, LATE = (f"apps/v1/Deployment/shop/{name}" for name in ("web", "db", "late"))
HOOK = {"before": "quiesce", "exec": {"namespace": "shop", "pod": "statefulset/db", "command": ["psql"]}}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """The journal of a plan, in a vault on the disk."""
    return Journal(init_repository(str(tmp_path / "vault"), "password"), "shop", "eks")


def record(run: str = "r", **replicas: int) -> QuiesceRecord:
    names = {"web": WEB, "db": DB, "late": LATE}
    workloads = tuple(QuiescedWorkload(names[name], 1, {"replicas": was}) for name, was in replicas.items())
    return QuiesceRecord("shop", run, ("shop",), "2026-11-23T00:00:00+00:00", workloads=workloads)


def was(stop: Any) -> dict[str, int]:
    return {one.object.rpartition("/")[2]: one.was["replicas"] for one in stop.record.workloads}


def test_later_tries_add_what_they_find_and_change_nothing_else(journal: Journal) -> None:
    StopJournal(journal, "r").note(record(web=2, db=1))
    again = StopJournal(journal, "r")
    assert again.earlier is not None
    again.note(record(web=7, late=3))
    again.note(record(web=7, late=3))

    stop = last_stop(journal)
    assert was(stop) == {"web": 2, "db": 1, "late": 3}
    assert len(journal.events()) == 2, "what is known isn't written again"
    assert stop is not None
    assert stop.began == journal.events(name=QUIESCE_BEGUN)[0].began


def test_the_downtime_begins_with_the_first_hook(journal: Journal) -> None:
    first = StopJournal(journal, "r")
    assert first.began is None
    first.note_hooks()
    second = StopJournal(journal, "r")  # a hook failed
    assert second.earlier is None, "hooks that didn't all get through are run again"
    second.note_hooks()
    second.note(record(web=1))

    (hooks,) = journal.events(name=HOOKS_BEGUN)
    (begun,) = journal.events(name=QUIESCE_BEGUN)
    assert begun.began == hooks.began == second.began
    assert begun.ended > begun.began


def test_a_run_that_was_resumed_and_stops_again_begins_anew(journal: Journal) -> None:
    first = StopJournal(journal, "r")
    first.note_hooks()
    first.note(record(web=2))
    journal.write("r", RESUMED)
    stop = last_stop(journal)
    assert stop is not None
    assert stop.resumed is not None

    second = StopJournal(journal, "r")
    assert (second.began, second.earlier) == (None, None)
    second.note(record(db=1))
    assert was(last_stop(journal)) == {"db": 1}


def test_a_run_whose_source_was_resumed_goes_on_only_from_a_new_stop(journal: Journal) -> None:
    """A resume takes the notes off the workloads: but for the journal nobody knows that they ran."""
    refuse_resumed(journal, "r")
    journal.write("r", RESUMED)  # of an earlier cutover's rollback
    StopJournal(journal, "r").note(record(web=2))
    refuse_resumed(journal, "r")

    journal.write("r", RESUMED, data={"by": "migration-ops resume"})
    with pytest.raises(
        DisturbedError, match=r"resumed by migration-ops resume at .*clear quiesce"
    ) as refused:
        refuse_resumed(journal, "r")
    assert not refused.value.retryable

    StopJournal(journal, "other").note(record(web=2, run="other"))
    refuse_resumed(journal, "other")
    with pytest.raises(DisturbedError, match="what run r stopped was resumed"):
        refuse_resumed(journal, "r")
    StopJournal(journal, "r").note(record(web=2))
    refuse_resumed(journal, "r")


def plan(*hooks: dict[str, Any]) -> Plan:
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "vault": {"conn_id": "b"},
            "movers": {"image": "mover:1"},
            "select": {"namespaces": {"include": ["shop", "bank"]}},
            "quiesce": {"hooks": list(hooks)},
        }
    )


@pytest.mark.parametrize("again", [False, True])
def test_what_was_resumed_is_started_again_only_when_asked(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Somebody may have stopped it on purpose since."""
    StopJournal(journal, "r").note(record(web=2))
    start = create_autospec(resume, return_value=ResumeResult(resumed=()))
    monkeypatch.setattr(stopping, "resume", start)
    monkeypatch.setattr("migration_ops.mover.submission.dismiss", lambda *_: [])
    cluster, api = create_autospec(Cluster, instance=True), create_autospec(ApiClient, instance=True)
    said: list[str] = []

    def record_used() -> Any:
        stopping.resume_source(plan(), cluster, api, journal=journal, again=again, say=said.append)
        return start.call_args.kwargs["record"]

    assert record_used() == record(web=2)
    journal.write("rolled-back-by-hand", RESUMED)
    assert record_used() == (record(web=2) if again else None)
    assert any("was resumed at" in line for line in said) is not again


def stop(monkeypatch: pytest.MonkeyPatch, *, begun: bool, noted: bool = False) -> tuple[list[str], list[str]]:
    """Stop a source; return what was called, and the namespaces."""
    called: list[str] = []
    namespaces: list[str] = []
    held = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": name}}
        for name in ("shop", "cert-manager", "bank")
    ]
    found = create_autospec(Capture, instance=True)
    found.objects = [type("Captured", (), {"manifest": one}) for one in held]
    found.claims = []

    def quiesce(_cluster: Cluster, spaces: list[str], **_options: Any) -> QuiesceRecord:
        called.append("stop")
        namespaces.extend(spaces)
        return record(web=1)

    def hooks(*_args: Any, place: str, **_options: Any) -> None:
        called.append(place)

    monkeypatch.setattr(stopping, "capture", lambda *_: found)
    monkeypatch.setattr(stopping, "quiesce", quiesce)
    monkeypatch.setattr(stopping, "find_quiesced", lambda *_: {WEB: ("shop", None)} if noted else {})
    monkeypatch.setattr(stopping, "run_hooks", hooks)
    stopping.stop_source(
        plan(HOOK),
        create_autospec(Cluster, instance=True),
        create_autospec(ApiClient, instance=True),
        "r",
        on_record=lambda _: None,
        say=lambda _: None,
        on_hooks=lambda: called.append("noted"),
        begun=begun,
    )
    return called, namespaces


def test_hooks_that_were_run_are_not_run_again_once_something_may_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert stop(monkeypatch, begun=False)[0] == ["noted", "before", "stop", "after"]
    assert stop(monkeypatch, begun=True)[0] == ["stop", "after"]
    assert stop(monkeypatch, begun=False, noted=True)[0] == ["stop", "after"], "the journal was lost"


def test_namespaces_from_which_something_only_comes_along_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stop(monkeypatch, begun=False)[1] == ["bank", "shop"]
