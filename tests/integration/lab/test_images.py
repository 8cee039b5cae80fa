"""Images are made from recipe folders, and a cluster has them under the names that it was given."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from tests.lab import Lab, LabError
from tests.lab.cache import cache_root
from tests.lab.foreign import AnyCluster

from .conftest import eventually

pytestmark = pytest.mark.lab

ECR_NAME = "111122223333.dkr.ecr.us-east-1.amazonaws.com/lab/teller:1.0"
RECIPE = """
entrypoint = ["python3", "/app/teller.py"]
command = ["unasked"]
user = "1234"
workdir = "/app"
[environment]
GREETING = "hello"
[files]
"/app/teller.py" = "teller.py"
"/app/words" = "words"
"""
PROGRAM = """
import os, pathlib, sys, time
print(os.environ["GREETING"], pathlib.Path("words/first").read_text(), os.getuid(), *sys.argv[1:], flush=True)
time.sleep(600)
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    """A recipe folder of a program and its words; what is built of it doesn't stay in the cache."""
    (tmp_path / "image.toml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "teller.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "words").mkdir()
    (tmp_path / "words/first").write_text("world", encoding="utf-8")
    yield tmp_path
    for built in (cache_root() / "images").glob(f"*{tmp_path.name}-*"):
        built.unlink() if built.is_file() else shutil.rmtree(built)


def test_a_recipe_becomes_a_container_that_runs_as_it_says(recipe: Path, lab: Lab, pods_in_source):
    image = lab.build_image(recipe, "docker.io/local/teller:1")
    lab.source.import_image(image, [ECR_NAME])
    core, namespace = pods_in_source.core, pods_in_source.namespace
    container = {"name": "main", "image": ECR_NAME, "imagePullPolicy": "Never"}
    pod = {"metadata": {"name": "teller"}, "spec": {"containers": [container]}}
    core.create_namespaced_pod(namespace, pod)
    eventually(lambda: pods_in_source.is_ready("teller"), "teller to run")

    assert pods_in_source.log("teller") == "hello world 1234 unasked\n"


def test_a_name_of_the_source_is_unknown_in_the_target(recipe: Path, lab: Lab, pods_in_target):
    lab.source.import_image(lab.build_image(recipe, "docker.io/local/teller:1"), [ECR_NAME])
    core, namespace = pods_in_target.core, pods_in_target.namespace
    container = {"name": "main", "image": ECR_NAME, "imagePullPolicy": "Never"}
    core.create_namespaced_pod(
        namespace, {"metadata": {"name": "teller"}, "spec": {"containers": [container]}}
    )

    eventually(lambda: waiting_reason(core, namespace) == "ErrImageNeverPull", "image to be missed")


def waiting_reason(core: client.CoreV1Api, namespace: str) -> str | None:
    """Return why the container doesn't run."""
    statuses = core.read_namespaced_pod("teller", namespace).status.container_statuses or []
    return next((each.state.waiting.reason for each in statuses if each.state.waiting), None)


def test_the_same_recipe_is_built_once(recipe: Path, lab: Lab):
    first = lab.build_image(recipe, "docker.io/local/teller:1")
    made = first.stat().st_mtime_ns

    again = lab.build_image(recipe, "docker.io/local/teller:1")
    (recipe / "words/first").write_text("changed", encoding="utf-8")
    changed = lab.build_image(recipe, "docker.io/local/teller:1")

    assert (again, again.stat().st_mtime_ns) == (first, made)
    assert changed != first


def test_a_recipe_with_an_unknown_field_is_refused(recipe: Path, lab: Lab):
    (recipe / "image.toml").write_text('entrypoint = ["true"]\nports = [80]\n', encoding="utf-8")

    with pytest.raises(LabError, match=r"image\.toml: .*'ports'"):
        lab.build_image(recipe, "docker.io/local/teller:1")


def test_a_name_without_registry_is_refused(recipe: Path, lab: Lab):
    image = lab.build_image(recipe, "docker.io/local/teller:1")

    with pytest.raises(LabError, match="write the registry too"):
        lab.source.import_image(image, ["local/teller:1"])


def test_the_mover_starts_in_both_clusters(pods, either_cluster: AnyCluster):
    pods.run("mover", "migration-ops --version; sleep 600")

    assert pods.log("mover").startswith("migration-ops, version ")
