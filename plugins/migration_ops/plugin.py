"""What Airflow loads of this package in every process: as little as possible.

Operators, hooks and triggers are plain imports and need no registration. The plugin is found through the
distribution's entry point; `plugins/.airflowignore` keeps Airflow from running this package's files as well.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from migration_ops import key_files, preload
from migration_ops.timetables.off_peak import OffPeakTimetable
from migration_ops.ui.mount import FASTAPI_APP, NAVIGATION, WARM_UP


class MigrationOpsPlugin(AirflowPlugin):
    """Makes migration-ops known to Airflow."""

    name = "migration_ops"
    fastapi_apps = [FASTAPI_APP]  # noqa: RUF012 - Airflow's own form
    fastapi_root_middlewares = [WARM_UP]  # noqa: RUF012 - the same
    external_views = [NAVIGATION]  # noqa: RUF012 - the same
    listeners = [preload, key_files]  # noqa: RUF012 - the same
    timetables = [OffPeakTimetable]  # noqa: RUF012 - the same
