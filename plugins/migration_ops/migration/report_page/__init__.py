"""The report of a run: one self-contained HTML page, and JSON, for the vault and a link in Airflow.

`build_report` puts together what the run left; `save_report` keeps page and data in the vault. Values of
Secrets never appear in them.
"""

from migration_ops.migration.report_page.building import Facts, build_report
from migration_ops.migration.report_page.model import RunReport
from migration_ops.migration.report_page.page import DATA_FILE, PAGE_FILE, render_page, report_files
from migration_ops.migration.report_page.storing import read_report, read_report_page, save_report

__all__ = [
    "DATA_FILE",
    "PAGE_FILE",
    "Facts",
    "RunReport",
    "build_report",
    "read_report",
    "read_report_page",
    "render_page",
    "report_files",
    "save_report",
]
