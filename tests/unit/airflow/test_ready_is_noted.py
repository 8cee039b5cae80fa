"""That the target serves is in the journal also when the verification fails: people decide by it."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from migration_ops.migration.errors import VerificationError
from migration_ops.migration.events import Event
from migration_ops.operators.verify import VerifyOperator

READY_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Journal:
    """Remembers what is written."""

    def __init__(self):
        self.written = list[Event]()

    def write(self, run, name, *, began=None, ended=None, data=None):
        event = Event(plan="shop", run=run, name=name, began=began, ended=ended, data=data or {})
        self.written.append(event)
        return event

    def events(self, run, name):
        return [one for one in self.written if (one.run, one.name) == (run, name)]


@pytest.fixture
def step(plan, monkeypatch):
    made = VerifyOperator(
        task_id="verify",
        plan=plan,
        adapted="a" * 64,
        volumes=[],
        ready={"began": READY_AT.isoformat(), "ended": (READY_AT + timedelta(seconds=20)).isoformat()},
    )
    made.__dict__.update(journal=Journal(), repository=None)
    made.__dict__["target_hook"] = SimpleNamespace(api_client=None, cluster=None)
    monkeypatch.setattr("migration_ops.migration.target.load_adapted", lambda _repository, _snapshot: [])
    return made


def test_a_failed_verification_has_noted_once_since_when_the_target_serves(step, monkeypatch, store):
    def differs(*_arguments, **_options):
        raise VerificationError("Role shop/settings-reader is missing")

    monkeypatch.setattr("migration_ops.migration.verification.verify_target", differs)
    run = SimpleNamespace(dag_id="shop.cutover", run_id="manual__1")
    context = {"dag_run": run, "task_state_store": store}
    for _ in range(2):
        with pytest.raises(VerificationError):
            VerifyOperator.execute.__wrapped__(step, context)
        for thread in threading.enumerate():
            if thread.name == "ahead":
                thread.join(30)
    (noted,) = step.journal.written
    assert (noted.name, noted.ended) == ("ready", READY_AT + timedelta(seconds=20))
