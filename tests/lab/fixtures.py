"""Fixtures of every test that needs the clusters or S3.

A running lab is used as it is found; otherwise it is brought up, behind a lock that xdist's workers share,
and left running for the next tests. Where it can't run, these tests skip and say what is missing.

Modules are imported by the fixtures, not by this one: it is loaded by every test run, unit tests too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab import Lab
    from tests.lab.foreign import AnyCluster
    from tests.lab.s3 import LabS3


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The shared lab, or the one that MIGRATION_OPS_LAB names; up and whole."""
    from tests.lab import Lab, preflight

    missing = preflight()
    if missing:
        pytest.skip(f"the lab can't run here: {'; '.join(missing)}")
    return Lab.up(os.environ.get("MIGRATION_OPS_LAB") or "main")


def _cluster(name: str, request: pytest.FixtureRequest) -> AnyCluster:
    from tests.lab.foreign import foreign_clusters

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
