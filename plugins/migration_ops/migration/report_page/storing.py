"""Reports in the vault: next to the data that they are about, whatever happens to Airflow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.report_page.model import RunReport
from migration_ops.migration.report_page.page import DATA_FILE, PAGE_FILE, report_files
from migration_ops.vault import backup, list_snapshots, read_file

if TYPE_CHECKING:
    from migration_ops.vault import Repository


def save_report(repository: Repository, report: RunReport, host: str) -> str:
    """Write page and data as one snapshot; a later report of the same run takes its place.

    :param host: what the snapshot gives as host: the source cluster's name.
    :return: the snapshot's id.
    """
    tags = [*_tags(report.plan, report.run), f"report={report.kind}"]
    with tempfile.TemporaryDirectory(prefix="migration-ops-") as name:
        for file, content in report_files(report).items():
            (Path(name) / file).write_text(content, encoding="utf-8")
        return backup(repository, [Path(name)], tags=tags, hostname=host, as_root=True).snapshot_id


def read_report(repository: Repository, plan: str, run: str) -> RunReport:
    """A run's newest report as data.

    :param run: the run as a label value.
    :raises MigrationError: if the vault has none.
    """
    return RunReport.model_validate_json(_read(repository, plan, run, DATA_FILE))


def read_report_page(repository: Repository, plan: str, run: str) -> str:
    """A run's newest report as a page.

    :param run: the run as a label value.
    :raises MigrationError: if the vault has none.
    """
    return _read(repository, plan, run, PAGE_FILE).decode()


def _read(repository: Repository, plan: str, run: str, file: str) -> bytes:
    found = list_snapshots(repository, tags=_tags(plan, run))
    if not found:
        raise MigrationError(
            f"the vault has no report of run {run} of plan {plan}: it is written when the run ends"
        )
    return read_file(repository, found[-1].id, f"/{file}")


def _tags(plan: str, run: str) -> list[str]:
    return [f"plan={plan}", "content=report", f"run={run}"]
