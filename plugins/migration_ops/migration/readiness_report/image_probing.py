"""Runs image probes in the target: start, look, remove. Nothing here waits; triggers do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
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

    def data(self) -> dict[str, Any]:
        """As JSON data, for whoever waits somewhere else."""
        return {"probe": asdict(self.probe), "job": self.job}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> StartedProbe:
        """Back from `data`."""
        probe = dict(data["probe"])
        for name in ("images", "pull_secrets"):
            probe[name] = tuple(probe[name])
        return cls(ImageProbe(**probe), str(data["job"]))


def start_probes(
    target: Cluster,
    probes: Iterable[ImageProbe],
    objects: Sequence[Manifest],
    *,
    plan: str,
    run: str,
    always: bool = False,
    nodes: Sequence[str] = (),
) -> list[StartedProbe]:
    """Start every probe; those that an earlier try started are found again.

    :param objects: the adapted objects: pull secrets are copied from them where the namespace is missing.
    :param run: the run as a label value.
    :param always: ask the registry also for what a node has already.
    :param nodes: pull on each of these; without any the scheduler chooses one for each probe.
    :raises ClusterError: if a Job is refused.
    """
    jobs = [
        (probe, build_image_probe(probe, plan=plan, run=run, node=node, always=always))
        for node in (nodes or (None,))
        for probe in probes
    ]
    return [_start(target, probe, job, objects) for probe, job in jobs]


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


def look_until_settled(
    target: Cluster, *, started: Iterable[Mapping[str, Any]], since: float
) -> list[dict[str, Any]] | None:
    """What is known of every image once waiting longer would tell nothing new; nothing before that.

    :param started: as `StartedProbe.data` gives them.
    :param since: when they were started, as seconds since the epoch.
    :raises ClusterError: if the API server can't be reached.
    """
    pulls = look_at_probes(target, [StartedProbe.of(one) for one in started])
    return [asdict(pull) for pull in pulls] if is_settled(pulls, time.time() - since) else None


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


def _start(target: Cluster, probe: ImageProbe, job: Manifest, objects: Sequence[Manifest]) -> StartedProbe:
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
