"""Airflow's own scheduler backs an application up through windows of minutes: nobody starts anything.

Takes as many minutes as windows and cron expressions need, so it runs with `make test-long` only; the
calendar, the timetable and each step have short tests of their own.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tenacity
import yaml
from aiosmtpd.controller import Controller
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from migration_ops.migration.vault_records import find_restore_points
from migration_ops.vault import StoreSettings, list_snapshots, open_repository
from tests.demo import metadata_database
from tests.demo.airflow_stack import AirflowStack
from tests.demo.ground import ObjectStore
from tests.demo.kube import Kube
from tests.demo.metadata_database import free_port
from tests.demo.process import stop_all
from tests.demo.progress import Progress
from tests.demo.workspace import Workspace
from tests.lab import Lab
from tests.lab.mover_image import MOVER_IMAGE

pytestmark = [pytest.mark.lab, pytest.mark.s3, pytest.mark.timeout(2700), pytest.mark.xdist_group("e2e")]
LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`

MINUTE = timedelta(minutes=1)
SIZE = 700 * 2**20
PROGRAM = f"""
import os, time
if not os.path.exists("/data/blob"):  # a container that is started again must not change it
    with open("/data/unfinished", "wb") as file:
        for _ in range({SIZE} // 2**20):
            file.write(os.urandom(2**20))
    os.rename("/data/unfinished", "/data/blob")
while True:
    with open("/data/log", "ab") as file:
        file.write(os.urandom(2**16))
    time.sleep(5)
"""


@dataclass
class Story:
    """What happened.

    :param runs: the runs that the scheduler began, in their order.
    :param volume_logs: log of the volume's task, by run.
    :param points: the vault's restore points.
    :param mails: what arrived at the SMTP server.
    :param figures: names of figures that arrived at the StatsD server.
    """

    windows: list[tuple[datetime, datetime]]
    runs: list[dict[str, Any]] = field(default_factory=list)
    volume_logs: list[str] = field(default_factory=list)
    points: list[Any] = field(default_factory=list)
    snapshots: list[Any] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    figures: set[str] = field(default_factory=set)


class Mailbox:
    """Takes every mail."""

    def __init__(self, story: Story) -> None:
        self.story = story

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.story.mails.append(envelope.content.decode())
        return "250 OK"


def listen_for_figures(story: Story, receiver: socket.socket) -> None:
    while True:
        try:
            data = receiver.recv(65_536)
        except OSError:
            return
        story.figures |= {line.partition(":")[0] for line in data.decode().splitlines()}


@pytest.fixture(scope="module")
def story(lab: Lab) -> Iterator[Story]:
    name = f"night-{uuid.uuid4().hex[:6]}"
    told = Story([])
    with ExitStack() as stack:
        workspace = Workspace(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-"))))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        database = Path(tempfile.gettempdir()) / f"migration-ops-{name}"
        patch.setattr(metadata_database, "data_folder", lambda: database)
        patch.setenv("DEMO_AIRFLOW_PORT", str(free_port()))
        progress = Progress()
        source = stack.enter_context(closing(Kube("source", lab.source.kubeconfig)))
        store = ObjectStore(
            lab.s3.endpoint_tls,
            lab.s3.access_key,
            lab.s3.secret_key,
            bucket=name,
            ca_file=Path(lab.s3.ca_file),
        )
        store.make_empty()
        stack.callback(remove_bucket, store)
        mail = Controller(Mailbox(told), hostname="127.0.0.1", port=free_port())
        mail.start()
        stack.callback(mail.stop)
        receiver = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        receiver.bind(("127.0.0.1", 0))
        threading.Thread(target=listen_for_figures, args=(told, receiver), daemon=True).start()
        plans = workspace.folder / "plans"
        plans.mkdir()
        settings = {
            "MIGRATION_OPS_PLANS": str(plans),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(receiver.getsockname()[1]),
        }
        airflow = AirflowStack(workspace, progress, settings)
        stack.callback(stop_all, workspace)
        stack.callback(airflow.stop)
        stack.callback(source.delete_namespace, name)
        deploy(lab, source, name, progress)
        airflow.start()
        password = workspace.secret("vault-password")
        airflow.connect(connections(source.kubeconfig, store, password, mail.port))
        repository = open_vault(store, password, make=True)
        write_plan(plans / "night.yaml", name, told)
        follow(airflow, name, told)
        told.points = find_restore_points(repository, name)
        told.snapshots = list_snapshots(repository, tags=[f"plan={name}", "content=volume"])
        yield told


def deploy(lab: Lab, source: Kube, name: str, progress: Progress) -> None:
    lab.cluster("source").import_image(lab.build_mover(say=progress.say), [MOVER_IMAGE])
    core = source.core
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    core.create_namespaced_persistent_volume_claim(
        name,
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
        },
    )
    # The namespace's service account and its token are made by controllers, a little later.
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ApiException),
        stop=tenacity.stop_after_delay(120),
        wait=tenacity.wait_fixed(1),
        reraise=True,
    )
    patient(
        core.create_namespaced_pod,
        name,
        {
            "metadata": {"name": "writer"},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "writer",
                        "image": MOVER_IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-c", PROGRAM],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        },
    )


def connections(
    kubeconfig: Path, store: ObjectStore, password: str, mail_port: int
) -> dict[str, dict[str, object]]:
    keys = {"access_key": store.access_key, "secret_key": store.secret_key, "region": "us-east-1"}
    mail = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
    config = json.dumps(yaml.safe_load(Path(kubeconfig).read_text()))
    return {
        "night_source": {"conn_type": "kubernetes", "extra": json.dumps({"kube_config": config})},
        "night_vault": {
            "conn_type": "migration_ops_vault",
            "host": store.location,
            "password": password,
            "extra": json.dumps(keys | {"ca": store.ca_file.read_text()} if store.ca_file else keys),
        },
        "night_mail": {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": mail_port,
            "extra": json.dumps(mail),
        },
    }


def open_vault(store: ObjectStore, password: str, *, make: bool) -> Any:
    from migration_ops.vault import init_repository

    settings = StoreSettings.from_environment(
        {
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "RESTIC_CACERT": str(store.ca_file),
        }
    )
    if make:
        init_repository(store.location, password, settings)
    return open_repository(store.location, password, settings)


def remove_bucket(store: ObjectStore) -> None:
    store.make_empty()
    with closing(store.client()) as s3:
        s3.delete_bucket(Bucket=store.bucket)


def write_plan(path: Path, name: str, told: Story) -> None:
    """A short window in which the limit lets less than all through, and a long one later."""
    first = datetime.now(UTC).replace(second=0, microsecond=0) + 2 * MINUTE
    second = first + 7 * MINUTE  # what a mover has read before the end is sent after it, at its limit
    told.windows = [(first, first + 4 * MINUTE), (second, second + 40 * MINUTE)]
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "migration-ops/v1",
                "name": name,
                "source": {"conn_id": "night_source"},
                "vault": {"conn_id": "night_vault"},
                "select": {"namespaces": {"include": [name]}},
                "movers": {"image": MOVER_IMAGE, "limit_upload": "200MiB/s"},
                "schedule": {
                    "full": f"{first.minute} {first.hour} * * *",
                    "incremental": "* * * * *",
                    "windows": [
                        {"start": clock(first), "end": clock(told.windows[0][1]), "limit_upload": "2MiB/s"},
                        {"start": clock(second), "end": clock(told.windows[1][1])},
                    ],
                },
                "notify": [
                    {
                        "on": ["overrun", "failure"],
                        "notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
                        "kwargs": {"smtp_conn_id": "night_mail", "to": "night@example.com"},
                    }
                ],
            },
            sort_keys=False,
        )
    )


def clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def follow(airflow: AirflowStack, name: str, told: Story) -> None:
    """Wait until four runs are done, with nothing done but the unpausing."""
    dag_id = f"{name}.backup"
    with airflow.api() as api:
        api.wait_for_dag(dag_id, seconds=300)
        deadline = time.monotonic() + 2000
        while True:
            runs = api.request("GET", f"/dags/{dag_id}/dagRuns", params={"order_by": "run_after"})["dag_runs"]
            ended = [run for run in runs if run["state"] in {"success", "failed"}]
            if len(ended) >= 4 or any(run["state"] == "failed" for run in ended):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"in time: {[(run['run_id'], run['state']) for run in runs]}")
            time.sleep(3)
        api.request("PATCH", f"/dags/{dag_id}", json={"is_paused": True}, params={"update_mask": "is_paused"})
        told.runs = ended[:4]
        for run in told.runs:
            tasks = api.tasks(dag_id, run["dag_run_id"])
            volume = next(task for task in tasks if task["task_id"] == "volume")
            told.volume_logs.append(api.log(volume))
            if run["state"] == "failed":
                raise AssertionError(api.failures(dag_id, run["dag_run_id"]))


if LONG:

    def test_the_scheduler_began_a_full_backup_and_three_increments(story: Story) -> None:
        assert [run["run_type"] for run in story.runs] == ["scheduled"] * 4
        assert [point.kind for point in story.points][:4] == ["full", *["incremental"] * 3]

    def test_every_run_began_inside_a_window(story: Story) -> None:
        for run in story.runs:
            moment = datetime.fromisoformat(run["run_after"])
            assert any(begin <= moment < end for begin, end in story.windows)

    def test_the_full_backup_stopped_with_its_window_and_went_on_in_the_next(story: Story) -> None:
        (first_window, second_window) = story.windows
        full = story.points[0]
        assert full.started < first_window[1]
        assert full.finished > second_window[0]
        assert "The window has ended" in story.volume_logs[0]
        assert "waiting until" in story.volume_logs[0]

    def test_what_was_stored_before_the_stop_was_not_sent_again(story: Story) -> None:
        full, *increments = (snapshot.summary for snapshot in story.snapshots)
        assert full["total_bytes_processed"] > SIZE
        assert full["data_added_packed"] < 0.9 * SIZE
        assert all(one["data_added_packed"] < 0.1 * SIZE for one in increments)

    def test_somebody_was_told_once_that_the_window_was_too_short(story: Story) -> None:
        (mail,) = story.mails
        assert "did not fit into its window" in mail

    def test_the_figures_reached_the_statsd_server(story: Story) -> None:
        assert "airflow.migration_ops.restore_point.bytes" in story.figures
        assert any(name.endswith(".restore_point.duration") for name in story.figures)

    def test_nobody_was_late(story: Story) -> None:
        assert len({run["run_after"] for run in story.runs}) == 4
