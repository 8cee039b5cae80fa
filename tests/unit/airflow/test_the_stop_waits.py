"""Nothing is stopped while somebody has the vault for himself; after the stop nobody is waited for here."""

from types import SimpleNamespace

import pytest

from migration_ops.migration import stopping, upkeep, vault_records
from migration_ops.migration.events import HOOKS_BEGUN
from migration_ops.migration.journal import Journal
from migration_ops.migration.upkeep import UpkeepError
from migration_ops.operators.cutover import QuiesceOperator
from migration_ops.vault import init_repository


class StoppedError(Exception):
    """The stop began."""


@pytest.fixture
def world(monkeypatch, tmp_path, plan):
    """A source that says when it is stopped, and a vault that somebody prunes."""
    repository = init_repository(str(tmp_path / "vault"), "password")
    world = SimpleNamespace(journal=Journal(repository, "shop", "source"), waited=0)

    def locked(_repository, _say):
        world.waited += 1
        raise UpkeepError("the vault has been locked")

    def stop(*_arguments, **_options):
        raise StoppedError

    monkeypatch.setattr(vault_records, "latest_restore_point", lambda *_: None)
    monkeypatch.setattr(stopping, "stop_source", stop)
    monkeypatch.setattr(upkeep, "await_upkeep", locked)
    for name, value in {
        "journal": world.journal,
        "repository": repository,
        "source": None,
        "source_hook": SimpleNamespace(api_client=None),
    }.items():
        monkeypatch.setattr(QuiesceOperator, name, value)
    world.step = QuiesceOperator(task_id="quiesce", plan=plan)
    world.context = {"dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="r1")}
    return world


def test_the_stop_does_not_begin_while_upkeep_has_the_vault(world):
    with pytest.raises(UpkeepError):
        world.step.execute(world.context)
    assert world.journal.events() == []


def test_a_stop_that_was_begun_goes_on(world):
    world.journal.write(world.step.run_key(world.context), HOOKS_BEGUN)
    with pytest.raises(StoppedError):
        world.step.execute(world.context)
    assert world.waited == 0
