"""`migration-ops resume` tells the journal, so that backups and upkeep know that the source runs again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import create_autospec

import pytest
import yaml
from click.testing import CliRunner, Result

from migration_ops.cli import main
from migration_ops.cluster import ResumeResult
from migration_ops.migration import stopping
from migration_ops.migration.aftermath import finished_by
from migration_ops.migration.backup_kind import reason_to_skip
from migration_ops.migration.journal import QUIESCE_BEGUN, Journal
from migration_ops.vault import VaultError, init_repository

PLAN = {
    "apiVersion": "migration-ops/v1",
    "name": "shop",
    "source": {"conn_id": "shop_source"},
    "vault": {"conn_id": "shop_vault"},
    "movers": {"image": "mover:1"},
}
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "eks", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "ops", "user": {"token": "t"}}],
    "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "ops"}}],
    "current-context": "eks",
}
STARTED = ("apps/v1/Deployment/shop/web",)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """The journal of a plan, in a vault on the disk."""
    return Journal(init_repository(str(tmp_path / "vault"), "password"), "shop", "eks")


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source whose workloads start when they are told to."""
    started = create_autospec(stopping.resume_source, return_value=ResumeResult(resumed=STARTED))
    monkeypatch.setattr(stopping, "resume_source", started)


def resume(folder: Path, *options: str) -> Result:
    for name, content in (("shop.yaml", PLAN), ("kubeconfig", KUBECONFIG)):
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    arguments = ["--plan", str(folder / "shop.yaml"), "--kubeconfig", str(folder / "kubeconfig"), *options]
    return CliRunner().invoke(main, ["resume", *arguments], env={"RESTIC_PASSWORD": "password"})


@pytest.mark.usefixtures("source")
def test_the_last_cutover_that_stopped_the_source_is_told_and_backups_go_on(
    tmp_path: Path, journal: Journal
) -> None:
    for run in ("first", "second"):
        journal.write(run, QUIESCE_BEGUN, began=datetime.now(UTC))
    assert reason_to_skip(journal.events()) == "cutover second has stopped the source"

    done = resume(tmp_path, "-r", str(tmp_path / "vault"))

    assert done.exit_code == 0, done.output
    assert "noted in the journal of second" in done.output
    (event,) = journal.events(name="resumed")
    assert event.run == "second"
    assert event.data == {"workloads": list(STARTED), "by": "migration-ops resume"}
    assert reason_to_skip(journal.events()) is None


@pytest.mark.usefixtures("source", "journal")
def test_without_the_vault_the_source_is_started_and_what_is_missing_is_said(tmp_path: Path) -> None:
    done = resume(tmp_path)

    assert done.exit_code == 0, done.output
    assert "1 workloads resumed" in done.stdout
    assert "scheduled backups of shop stay skipped" in done.stderr


def test_the_journal_can_be_told_later_and_nothing_is_started_for_it(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = create_autospec(stopping.resume_source)
    monkeypatch.setattr(stopping, "resume_source", started)
    journal.write("first", QUIESCE_BEGUN)

    done = resume(tmp_path, "-r", str(tmp_path / "vault"), "--only-note")

    assert done.exit_code == 0, done.output
    started.assert_not_called()
    assert [event.run for event in journal.events(name="resumed")] == ["first"]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("options", [(), ("--only-note",)], ids=["started", "only noted"])
def test_a_finished_migration_stays_finished_until_a_rollback_takes_it_back(
    tmp_path: Path, journal: Journal, options: tuple[str, ...]
) -> None:
    """Else the next staging would overwrite what the application has written in the target."""
    for name in (QUIESCE_BEGUN, "finished"):
        journal.write("first", name)

    done = resume(tmp_path, "-r", str(tmp_path / "vault"), *options)

    assert done.exit_code == 0, done.output
    assert "run shop.rollback" in done.stderr
    assert finished_by(journal.events()) == "first"
    assert "finished by first" in (reason_to_skip(journal.events()) or "")

    journal.write("first", "resumed", data={"workloads": list(STARTED)})  # the rollback's own, that keeps all
    assert finished_by(journal.events()) is None
    assert reason_to_skip(journal.events()) is None


@pytest.mark.usefixtures("source")
def test_a_vault_that_knows_of_no_stop_is_left_as_it_is(tmp_path: Path, journal: Journal) -> None:
    assert resume(tmp_path, "-r", str(tmp_path / "vault")).exit_code == 0
    assert journal.events() == []


@pytest.mark.usefixtures("source")
def test_a_journal_that_cant_be_written_is_a_warning(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.write("first", QUIESCE_BEGUN)
    monkeypatch.setattr(Journal, "write", create_autospec(Journal.write, side_effect=VaultError("is full")))

    done = resume(tmp_path, "-r", str(tmp_path / "vault"))

    assert done.exit_code == 0, done.output
    assert "The journal can't be written: is full" in done.stderr
