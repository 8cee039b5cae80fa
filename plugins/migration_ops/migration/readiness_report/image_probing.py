"""Runs image probes in the target: start, look, remove. Nothing here waits; triggers do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from migration_ops.cluster import AlreadyExists, Cluster, Manifest, NotFound
from migration_ops.migration.readiness_report.image_probe import (
    ImageProbe,
    build_image_probe,
    build_pull_secrets,
)
from migration_ops.migration.readiness_report.images import ImagePull, read_image_probe

TWO_TRIES_SECONDS = 30.0
"""The kubelet tries a failed pull again after 10 s: an image isn't called missing for one busy moment."""

_JOBS = "/apis/batch/v1/namespaces/{}/jobs"
_CORE = "/api/v1/namespaces/{}/{}"


@dataclass(frozen=True)
class StartedProbe:
    """A probe that runs.

    :param job: its Job's name.
    """

    probe: ImageProbe
    job: str


def start_probes(
    target: Cluster,
    probes: Iterable[ImageProbe],
    objects: Sequence[Manifest],
    *,
    plan: str,
    run: str,
    always: bool = False,
) -> list[StartedProbe]:
    """Start every probe; those that an earlier try started are found again.

    :param objects: the adapted objects: pull secrets are copied from them where the namespace is missing.
    :param run: the run as a label value.
    :param always: ask the registry also for what a node has already.
    :raises ClusterError: if a Job is refused.
    """
    return [_start(target, probe, objects, plan=plan, run=run, always=always) for probe in probes]


def look_at_probes(target: Cluster, started: Iterable[StartedProbe]) -> list[ImagePull]:
    """What is known of every image by now.

    :raises ClusterError: if the API server can't be reached.
    """
    pulls: list[ImagePull] = []
    for one in started:
        query = {"labelSelector": f"job-name={one.job}"}
        path = _CORE.format(one.probe.namespace, "pods")
        pods = target.get(path, query=query, what=f"look at image probe {one.job}")["items"]
        pulls += read_image_probe(one.probe, pods)
    return pulls


def is_settled(pulls: Iterable[ImagePull], elapsed_seconds: float) -> bool:
    """Whether waiting longer would tell nothing new.

    :param elapsed_seconds: since the probes were started.
    """
    states = {pull.state for pull in pulls}
    return states <= {"pulled"} or ("waiting" not in states and elapsed_seconds >= TWO_TRIES_SECONDS)


def remove_probes(target: Cluster, started: Iterable[StartedProbe]) -> None:
    """Delete the probes with their pods and copied secrets.

    :raises ClusterError: if the API server can't be reached.
    """
    for one in started:
        with suppress(NotFound):
            target.request(
                "DELETE",
                f"{_JOBS.format(one.probe.namespace)}/{one.job}",
                body={"propagationPolicy": "Background"},
                what=f"delete image probe {one.job}",
            )


def _start(
    target: Cluster, probe: ImageProbe, objects: Sequence[Manifest], *, plan: str, run: str, always: bool
) -> StartedProbe:
    job = build_image_probe(probe, plan=plan, run=run, always=always)
    name, jobs = str(job["metadata"]["name"]), _JOBS.format(probe.namespace)
    what = f"start image probe {name}"
    try:
        made: dict[str, Any] = target.request("POST", jobs, body=job, what=what)
    except AlreadyExists:
        made = target.get(f"{jobs}/{name}", what=what)
    for secret in build_pull_secrets(probe, job, str(made["metadata"]["uid"]), objects):
        with suppress(AlreadyExists):
            target.request("POST", _CORE.format(probe.namespace, "secrets"), body=secret, what=what)
    if made["spec"].get("parallelism") == 0:
        target.patch(f"{jobs}/{name}", {"spec": {"parallelism": 1}}, what=what)
    return StartedProbe(probe, name)
