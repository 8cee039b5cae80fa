"""Parts of a lab stop, die and come back; this happens in a small lab beside the shared one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from kubernetes import client
from urllib3.exceptions import HTTPError

from tests.lab import Lab, LabError, network
from tests.lab.cgroups import groups_like
from tests.lab.instance import RUN_ROOT
from tests.lab.leftovers import leftovers
from tests.lab.node import PAUSE_IMAGE
from tests.lab.readiness import wait_until

from .conftest import PATIENCE_SECONDS

pytestmark = pytest.mark.lab

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def small_lab(lab: Lab) -> Iterator[Lab]:
    """One cluster and S3, for this module alone; the shared lab has been built before."""
    name = f"test-{uuid.uuid4().hex[:6]}"
    try:
        yield Lab.up(name, clusters=["source"], with_mover=False)
    finally:
        Lab(name).down(keep_logs=False)


@pytest.fixture(scope="module")
def running_pod(small_lab: Lab) -> str:
    """A pod that does nothing for as long as the small lab lives."""
    with small_lab.source.api_client() as api:
        core = client.CoreV1Api(api)
        container = {"name": "main", "image": PAUSE_IMAGE}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        core.create_namespaced_pod("default", {"metadata": {"name": "sleeper"}, "spec": spec})
        wait_until(lambda: pod_of(small_lab).status.phase == "Running", "pod to run", PATIENCE_SECONDS)
    return "sleeper"


def pod_of(lab: Lab) -> client.V1Pod:
    """Return the pod, as the API has it."""
    with lab.source.api_client() as api:
        return client.CoreV1Api(api).read_namespaced_pod("sleeper", "default")


def pids(lab: Lab) -> dict[str, int | None]:
    """Return the number of every server of a lab."""
    return {part.name: part.pid for part in lab.status()}


def lab_command(*arguments: str) -> list[str]:
    """Return the command line of the lab's program."""
    return [sys.executable, "-m", "tests.lab", *arguments]


def s3_client(lab: Lab):
    """Return a client of a lab's S3 that doesn't try twice."""
    return boto3.client(
        "s3",
        endpoint_url=lab.s3.endpoint_tls,
        aws_access_key_id=lab.s3.access_key,
        aws_secret_access_key=lab.s3.secret_key,
        region_name="us-east-1",
        verify=str(lab.s3.ca_file),
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 0},
            request_checksum_calculation="when_required",  # this Ceph knows no trailing checksums
        ),
    )


def test_a_second_up_changes_nothing(small_lab: Lab):
    before = pids(small_lab)

    Lab.up(small_lab.name, clusters=["source"], with_mover=False)

    assert pids(small_lab) == before


def test_two_processes_may_bring_the_lab_up_at_once(small_lab: Lab):
    small_lab.source.stop("scheduler", hard=True)
    command = lab_command("up", "--name", small_lab.name, "--clusters=source", "--no-mover")
    both = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=2 * PATIENCE_SECONDS)[0].decode() for process in both]

    assert [process.returncode for process in both] == [0, 0], "\n".join(printed)
    assert all(pids(small_lab).values())


def test_what_the_api_server_knew_is_there_after_a_stop(small_lab: Lab, running_pod):
    uid = pod_of(small_lab).metadata.uid

    small_lab.source.stop("apiserver")
    with pytest.raises(HTTPError, match="refused"), small_lab.source.api_client() as api:
        client.VersionApi(api).get_code(_request_timeout=2)
    small_lab.source.start("apiserver")

    assert pod_of(small_lab).metadata.uid == uid


@pytest.mark.parametrize("part", ["kubelet", "containerd"])
def test_pods_outlive_the_death_of(part, small_lab: Lab, running_pod):
    before = pod_of(small_lab).status.container_statuses[0]

    small_lab.source.stop(part, hard=True)
    small_lab.source.start(part)
    wait_until(lambda: pod_of(small_lab).status.phase == "Running", "pod to be seen", PATIENCE_SECONDS)

    after = pod_of(small_lab).status.container_statuses[0]
    assert (after.container_id, after.restart_count) == (before.container_id, 0)


def test_what_s3_holds_is_there_after_its_gateway_died(small_lab: Lab):
    small_lab.s3.make_bucket("kept")
    s3 = s3_client(small_lab)
    s3.put_object(Bucket="kept", Key="note", Body=b"still here")

    small_lab.s3.stop(hard=True)
    assert not small_lab.s3.answers()
    small_lab.s3.start()

    body = s3.get_object(Bucket="kept", Key="note")["Body"]
    assert body.read() == b"still here"
    body.close()
    s3.close()


def test_up_heals_a_node_whose_namespaces_are_gone(small_lab: Lab):
    before = pids(small_lab)
    for part in ("node", "containerd", "kubelet", "kube-proxy", "controller-manager"):
        os.kill(before[f"source {part}"], signal.SIGKILL)

    Lab.up(small_lab.name, clusters=["source"], with_mover=False)

    assert all(pids(small_lab).values())
    assert pids(small_lab)["source etcd"] == before["source etcd"]


def test_a_part_that_does_not_exist_is_named(small_lab: Lab):
    with pytest.raises(LabError, match=r"no part 'kubectl' in a cluster: it has etcd, apiserver"):
        small_lab.source.stop("kubectl")


MOMENTS = {"addresses_are_taken": "instance.json", "the_node_starts": "target/node.pid"}


@pytest.mark.parametrize("lost_records", [False, True], ids=["records_kept", "records_lost"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_down_leaves_nothing_when_up_was_killed_while(moment, lost_records, lab: Lab):
    name = f"test-{uuid.uuid4().hex[:6]}"
    run = RUN_ROOT / name
    before = pids(lab)
    process = subprocess.Popen(
        lab_command("up", "--name", name, "--clusters=target", "--no-mover"),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
    )
    wait_until((run / MOMENTS[moment]).exists, moment, PATIENCE_SECONDS)
    process.kill()
    process.wait()
    if lost_records:
        shutil.rmtree(run)

    Lab(name).down(keep_logs=False)

    assert leftovers(name) == []
    assert groups_like(f"mol-{name}") == []
    assert network.lab_interfaces(f"mol-{name}") == []
    assert pids(lab) == before
