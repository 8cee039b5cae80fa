"""Fixtures of every test that needs the clusters or S3.

A running lab is used as it is found; otherwise it is brought up, behind a lock that xdist's workers share,
and left running for the next tests. Where it can't run, these tests skip and say what is missing.

Modules are imported by the fixtures, not by this one: it is loaded by every test run, unit tests too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab import Lab
    from tests.lab.foreign import AnyCluster
    from tests.lab.s3 import LabS3


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The shared lab, up and whole."""
    from tests.lab import Lab, preflight  # noqa: PLC0415 - see the module's text

    missing = preflight()
    if missing:
        pytest.skip(f"the lab can't run here: {'; '.join(missing)}")
    return Lab.up()


def _cluster(name: str, request: pytest.FixtureRequest) -> AnyCluster:
    from tests.lab.foreign import foreign_clusters  # noqa: PLC0415 - see the module's text

    foreign = foreign_clusters().get(name)
    if foreign:
        return foreign
    running: Lab = request.getfixturevalue("lab")
    return running.cluster(name)


@pytest.fixture(scope="session")
def source(request: pytest.FixtureRequest) -> AnyCluster:
    """The old cluster: the lab's, or that of DEMO_SOURCE_KUBECONFIG."""
    return _cluster("source", request)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> AnyCluster:
    """The modern cluster: the lab's, or that of DEMO_TARGET_KUBECONFIG."""
    return _cluster("target", request)


@pytest.fixture(scope="session")
def s3(lab: Lab) -> LabS3:
    """The lab's S3 server."""
    return lab.s3


@pytest.fixture(params=["source", "target"])
def either_cluster(request: pytest.FixtureRequest) -> AnyCluster:
    """Each of the two clusters in turn."""
    cluster: AnyCluster = request.getfixturevalue(request.param)
    return cluster


@pytest.fixture
def namespace(either_cluster: AnyCluster) -> Iterator[str]:
    """A namespace of this test's own in ``either_cluster``, deleted afterwards."""
    from kubernetes import client  # noqa: PLC0415 - see the module's text

    name = f"test-{uuid.uuid4().hex[:8]}"
    with either_cluster.api_client() as api:
        core = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": name}})
        yield name
        core.delete_namespace(name)
