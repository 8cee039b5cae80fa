"""What was saved while the source ran again is never used: the next try saves all of it anew."""

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.events import Event
from migration_ops.migration.restore_point import volume_tags
from migration_ops.mover import Credentials, Observation, run_key
from migration_ops.mover.submission import Submission
from migration_ops.operators import cutover, moving
from migration_ops.operators.cutover import FinalDeltaOperator
from migration_ops.vault import VaultError

VOLUME = {"namespace": "shop", "claim": "data", "point": "p1", "consistency": "quiesced"}


class Journal:
    """Remembers events, unless the vault is away for some writes."""

    def __init__(self):
        self.written, self.away, self.stops = [], 0, []

    def write(self, run, name, **_options):
        if self.away:
            self.away -= 1
            raise VaultError("no answer")
        self.written.append((run, name))

    def events(self, run=None, name=None, *, names=()):
        return self.stops if names else [one for one in self.written if one == (run, name)]


class Source:
    """Jobs that nobody can remove, and a vault that keeps every snapshot."""

    def __init__(self):
        self.jobs, self.snapshots = {}, []

    def submit(self, _api, spec, _credentials):
        adopted = self.jobs.get(spec.name) == spec.fingerprint
        if not adopted:
            self.jobs[spec.name] = spec.fingerprint
            tags = [one for flag, one in zip(spec.command, spec.command[1:], strict=False) if flag == "--tag"]
            self.snapshots.append(set(tags))
        return Submission(spec.namespace, spec.name, "uid", adopted=adopted)

    def look(self, _api, movers, *, listen):
        return {item: Observation("succeeded", summary=None) for item in movers}  # the pod's word is lost

    def list_snapshots(self, _repository, *, tags):
        return [
            SimpleNamespace(id=f"s{number}", summary={})
            for number, has in enumerate(self.snapshots)
            if has >= set(tags)
        ]


@pytest.fixture
def source(monkeypatch):
    made = Source()

    def refuse(_api, _namespace, _name):
        raise OSError("the API server is away")

    monkeypatch.setattr("migration_ops.mover.submission.submit", made.submit)
    monkeypatch.setattr("migration_ops.mover.submission.remove", refuse)
    monkeypatch.setattr("migration_ops.mover.watching.look", made.look)
    monkeypatch.setattr("migration_ops.migration.vault_records.list_snapshots", made.list_snapshots)
    monkeypatch.setattr(FinalDeltaOperator, "meanwhile", lambda _step: None)
    monkeypatch.setattr(moving, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(cutover, "_NOTE_PAUSE_SECONDS", 0.0)
    return made


def attempt(plan, store, journal, number, *, disturbed):
    """One try in a process of its own; returns the snapshots that the restore point would name.

    :param disturbed: whether something is seen to run; None if nothing is, and it is refused all the same.
    """
    step = FinalDeltaOperator(task_id="final", plan=plan, volumes=[VOLUME], point={})
    step.__dict__ |= {
        "source_hook": SimpleNamespace(api_client=None, conn_id="s", cluster_name="s", cluster=None),
        "vault_hook": SimpleNamespace(credentials=lambda: Credentials({})),
        "repository": None,
        "journal": journal,
    }
    step._captured = SimpleNamespace(result=lambda: None)
    used = []

    def commit(_step, _point, found, _captured):
        used.extend(one["snapshot_id"] for one in found)
        raise InterruptedError("the rest is of no matter here")

    said = DisturbedError("v1/Pod/shop/web runs on") if disturbed else None
    ends = InterruptedError if disturbed is False else DisturbedError
    context = {
        "dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="one"),
        "ti": SimpleNamespace(try_number=number, xcom_push=lambda **_: None),
        "task_state_store": store,
    }
    with (
        patch("migration_ops.operators.cutover.commit", commit),
        patch("migration_ops.migration.stillness.refuse_disturbed", autospec=True, side_effect=said),
        pytest.raises(ends),
    ):
        step.execute(context)
    return used


def test_a_retry_saves_anew_although_no_mover_could_be_removed(plan, store, source):
    journal = Journal()
    assert attempt(plan, store, journal, 1, disturbed=True) == []
    assert attempt(plan, store, journal, 2, disturbed=True) == []
    assert attempt(plan, store, journal, 3, disturbed=False) == ["s2"]
    assert len(source.snapshots) == 3


def test_a_retry_for_another_reason_finds_what_was_saved(plan, store, source):
    journal = Journal()
    assert attempt(plan, store, journal, 1, disturbed=False) == ["s0"]
    assert attempt(plan, store, journal, 2, disturbed=False) == ["s0"]
    assert attempt(plan, store, journal, 3, disturbed=True) == []
    assert attempt(plan, store, journal, 4, disturbed=False) == ["s1"]
    assert attempt(plan, store, journal, 5, disturbed=False) == ["s1"]


def test_a_vault_that_is_away_for_a_moment_doesn_t_hide_the_disturbance(plan, store, source):
    journal = Journal()
    journal.away = 2
    attempt(plan, store, journal, 1, disturbed=True)
    assert attempt(plan, store, journal, 2, disturbed=False) == ["s1"]


def test_a_disturbance_that_can_t_be_noted_is_still_what_is_asked_about(plan, store, source):
    journal = Journal()
    journal.away = 100
    attempt(plan, store, journal, 1, disturbed=True)
    assert journal.written == []


def test_nothing_is_saved_or_committed_of_a_source_that_was_resumed(plan, store, source):
    journal, run = Journal(), run_key("shop.cutover", "one")
    assert attempt(plan, store, journal, 1, disturbed=False) == ["s0"]
    for hour, name in enumerate(("quiesce-begun", "resumed")):
        when = datetime(2026, 11, 23, hour, tzinfo=UTC)
        journal.stops.append(Event(plan="shop", run=run, name=name, began=when, ended=when))
    for number in (1, 2):  # resumed while it worked, or before somebody cleared it
        assert attempt(plan, store, journal, number, disturbed=None) == []
    assert len(source.snapshots) == 1


def test_what_was_never_disturbed_is_tagged_as_always():
    assert volume_tags("shop", "p1", "shop", "data", 0) == volume_tags("shop", "p1", "shop", "data")
    assert "disturbed=1" in volume_tags("shop", "p1", "shop", "data", 1)
