"""`python -m tests.bench.cluster`: capture and apply 5,000 objects, against kubectl, as tables."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from migration_ops.cluster import (
    Cluster,
    NotFound,
    ObjectResult,
    Selection,
    apply,
    capture,
    roll_back,
    write_capture,
)
from migration_ops.cluster.reference import copy_of
from tests.bench.cluster.crowd import CUSTOM_KINDS, GROUP, Manifest, crowd, definitions, namespaces

SPACES = 5
TURNS = 2
PLURALS = (
    "configmaps", "secrets", "serviceaccounts", "services", "endpoints", "limitranges", "resourcequotas",
    "podtemplates", "replicationcontrollers", "deployments.apps", "statefulsets.apps", "replicasets.apps",
    "jobs.batch", "cronjobs.batch", "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io", "ingresses.networking.k8s.io",
    "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One measured comparison."""

    what: str
    ours: float
    kubectl: float
    objects: int
    memory: int
    kubectl_memory: int

    @property
    def ratio(self) -> float:
        """How many times as fast as kubectl we are."""
        return self.kubectl / self.ours


def main(arguments: list[str] | None = None) -> int:
    """Run both comparisons and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster to use instead of the lab's target")
    parser.add_argument("--objects", type=int, default=5000)
    options = parser.parse_args(arguments)
    kubeconfig = options.kubeconfig or _lab_kubeconfig()
    cluster = Cluster.from_kubeconfig(kubeconfig, name="bench")
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_measure(cluster, kubeconfig, options.objects, Path(folder)))
    _print(rows)
    return 0


def _measure(cluster: Cluster, kubeconfig: Path, total: int, folder: Path) -> Iterator[Row]:
    mark = f"bench-{uuid.uuid4().hex[:6]}"
    made: list[Manifest] = []
    try:
        _say(f"defining {len(CUSTOM_KINDS)} kinds")
        _check(apply(cluster, definitions(), plan="bench", run=mark))
        spent = {"ours": 0.0, "kubectl": 0.0}
        size = total // TURNS
        for turn in range(TURNS):
            spaces = {who: namespaces(f"{mark}-{who}-{turn}", SPACES) for who in spent}
            made += spaces["ours"] + spaces["kubectl"]
            _check(apply(cluster, spaces["kubectl"], plan="bench", run=mark))
            files = folder / f"files-{turn}"
            _write_files(crowd(f"{mark}-kubectl-{turn}", SPACES, size), files)
            # As in a migration, our namespaces are part of the set: nothing is there before.
            objects = [*spaces["ours"], *crowd(f"{mark}-ours-{turn}", SPACES, size)]

            def kubectl(at: Path = files) -> None:
                _kubectl(kubeconfig, "apply", "--server-side", "-R", "-f", str(at))

            def ours(these: list[Manifest] = objects) -> None:
                _check(apply(cluster, these, plan="bench", run=mark))

            # Controllers are busy with what was made before: who comes second meets more of that.
            order = [("kubectl", kubectl), ("ours", ours)]
            for who, work in order if turn % 2 == 0 else reversed(order):
                seconds = _timed(work)
                spent[who] += seconds
                _say(f"turn {turn + 1} of {TURNS}: {who} applied {size} objects in {seconds:.1f} s")
        yield Row("apply", spent["ours"], spent["kubectl"], total, own_peak(), largest_child())

        _say("capturing both ways, three times each")
        plurals = ",".join([*PLURALS, *(f"{kind.lower()}s.{GROUP}" for kind in CUSTOM_KINDS)])
        best = {"ours": float("inf"), "kubectl": float("inf")}
        found = 0
        for attempt in range(3):
            output = folder / f"kubectl-{attempt}.json"
            seconds = _timed(
                lambda to=output: _kubectl(kubeconfig, "get", plurals, "-A", "-o", "json", to=to)
            )
            best["kubectl"] = min(best["kubectl"], seconds)
            began = time.monotonic()
            captured = capture(cluster, Selection(namespaces_include=(f"{mark}-*",)))
            write_capture(captured, folder / f"capture-{attempt}")
            best["ours"] = min(best["ours"], time.monotonic() - began)
            found = len(captured.objects)
        yield Row("capture", best["ours"], best["kubectl"], found, own_peak(), largest_child())
    finally:
        _say("cleaning up")
        _clean(cluster, made, mark)


def _clean(cluster: Cluster, made: list[Manifest], mark: str) -> None:
    for manifest in made:
        name = manifest["metadata"]["name"]
        with suppress(NotFound):
            cluster.request("DELETE", f"/api/v1/namespaces/{name}", body={"propagationPolicy": "Background"})
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        left = cluster.get("/api/v1/namespaces", query={"labelSelector": f"migration-ops.io/run={mark}"})
        if not left["items"]:
            break
        time.sleep(2)
    roll_back(cluster, plan="bench", run=mark)


def _check(results: list[ObjectResult]) -> None:
    failed = [one for one in results if one.action not in {"created", "updated", "unchanged"}]
    if failed:
        raise SystemExit(f"{len(failed)} objects were not applied, e.g. {failed[0]}")


def _write_files(objects: list[Manifest], folder: Path) -> None:
    folder.mkdir()
    for number, manifest in enumerate(objects):
        (folder / f"{number:05}.json").write_bytes(orjson.dumps(copy_of(manifest)))


def _kubectl(kubeconfig: Path, *arguments: str, to: Path | None = None) -> None:
    with (to or Path(os.devnull)).open("wb") as output:
        subprocess.run(["kubectl", "--kubeconfig", str(kubeconfig), *arguments], stdout=output, check=True)


def _timed(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


def _print(rows: list[Row]) -> None:
    seconds = f"{'':10}{'objects':>9}{'ours s':>9}{'kubectl s':>11}{'times as fast':>15}"
    print(f"\n{seconds}{'ours MB':>9}{'kubectl MB':>12}")
    for row in rows:
        print(
            f"{row.what:10}{row.objects:>9}{row.ours:>9.1f}{row.kubectl:>11.1f}{row.ratio:>15.2f}"
            f"{row.memory:>9}{row.kubectl_memory:>12}"
        )
    print("memory: peaks so far; bars: apply 2.5 times as fast, capture as fast, under 400 MB", flush=True)


def own_peak() -> int:
    """Peak memory of this process until now, in MB; with the objects that the benchmark itself holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def largest_child() -> int:
    """Peak memory of the largest kubectl until now, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def _lab_kubeconfig() -> Path:
    from tests.lab import Lab

    return Lab.up(with_mover=False, with_s3=False).target.kubeconfig


def _say(text: str) -> None:
    print(f"[bench] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
