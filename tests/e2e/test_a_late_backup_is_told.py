"""Airflow's own deadline alert tells of a backup that isn't done in time; the run itself waits on.

The backup waits for a window, so no cluster is needed: only Airflow with its scheduler and its triggerer.
Runs with `make test-long`, since it starts an Airflow of its own.
"""

from __future__ import annotations

import email
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller

from tests.demo import metadata_database
from tests.demo.airflow_api import AirflowApi
from tests.demo.airflow_stack import AirflowStack
from tests.demo.metadata_database import free_port
from tests.demo.process import stop_all
from tests.demo.progress import Progress
from tests.demo.workspace import Workspace

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("e2e")]
LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`


class Mailbox:
    """Takes every mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    yield box, server.port
    server.stop()


@pytest.fixture
def airflow() -> Iterator[tuple[AirflowStack, Path]]:
    """An Airflow with a folder for plans."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="late-")))
        workspace = Workspace(folder)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(metadata_database, "data_folder", lambda: folder.with_name(f"{folder.name}-database"))
        patch.setenv("DEMO_AIRFLOW_PORT", str(free_port()))
        plans = folder / "plans"
        plans.mkdir()
        settings = {
            "MIGRATION_OPS_PLANS": str(plans),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        }
        found = AirflowStack(workspace, Progress(), settings)
        stack.callback(stop_all, workspace)
        stack.callback(found.stop)
        found.start()
        yield found, plans


def write_plan(folder: Path) -> None:
    """A window that is closed now and opens in hours; late after 15 s."""
    opens = datetime.now(UTC) + timedelta(hours=3)
    plan = {
        "apiVersion": "migration-ops/v1",
        "name": "late",
        "source": {"conn_id": "nowhere"},
        "vault": {"conn_id": "nowhere"},
        "movers": {"image": "mover:1"},
        "schedule": {
            "window": {"start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}"},
            "deadline": "15s",
        },
        "notify": [
            {
                "on": ["late"],
                "notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
                "kwargs": {"smtp_conn_id": "ops_mail", "to": "ops@example.com"},
            }
        ],
    }
    (folder / "late.yaml").write_text(yaml.safe_dump(plan))


def await_mail(box: Mailbox, api: AirflowApi, run: str) -> str:
    for _ in range(180):
        if box.mails:
            break
        time.sleep(1)
    return str(api.request("GET", f"/dags/late.backup/dagRuns/{run}")["state"])


if LONG:

    def test_a_late_backup_is_told_and_goes_on(
        airflow: tuple[AirflowStack, Path], mailbox: tuple[Mailbox, int]
    ) -> None:
        stack, plans = airflow
        box, port = mailbox
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": json.dumps(extra)}
        stack.connect({"ops_mail": connection})
        write_plan(plans)
        with stack.api() as api:
            api.wait_for_dag("late.backup", seconds=180)
            run = api.trigger("late.backup", {"window": "keep"})
            state = await_mail(box, api, run)
            (task,) = [one for one in api.tasks("late.backup", run) if one["task_id"] == "list_volumes"]
        (mail,) = box.mails
        body = mail.get_body(("html",))
        assert mail["Subject"] == "late.backup is late"
        assert body is not None
        assert f"/dags/late.backup/runs/{run}" in body.get_content()
        assert (state, task["state"]) == ("running", "deferred")
