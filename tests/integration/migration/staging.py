"""A source with volumes, a vault, and the steps that stage them into a target, as the operators do them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from migration_ops.cluster import Cluster, NotFound
from migration_ops.migration.mover_specs import restore_spec
from migration_ops.migration.staging import as_it_holds_now, settle
from migration_ops.migration.target import Shape, adapt_restore_point, apply_part, volumes_to_restore
from migration_ops.mover import MoverSpec
from migration_ops.mover.submission import remove, submit
from migration_ops.mover.watching import look
from tests.bench.downtime.moves import Moves
from tests.lab.mover_image import MOVER_IMAGE

PATIENCE_SECONDS = 240  # other tests may keep the machine busy
ATTEMPT_SECONDS = 0.5


@dataclass
class Staging:
    """A plan's volumes in both clusters.

    :param moves: the plan with its clusters and vault
    :param failures: what came of the last staging, by claim, where it wasn't good
    """

    moves: Moves
    failures: dict[str, Exception] = field(default_factory=dict)

    @property
    def space(self) -> str:
        """The namespace, which is called the same in both clusters."""
        return self.moves.plan.name

    def save(self, run: str) -> str:
        """Back all volumes up; return the restore point's id."""
        return self.moves.back_up(run, "incremental")[0].point.id

    def stage(self, run: str, point: str, shape: Shape | None = None) -> dict[str, dict[str, Any]]:
        """Bring the target's claims up to a restore point; return what was done to those that went well."""
        plan, target, repository = self.moves.plan, self.moves.target, self.moves.repository
        adapted = adapt_restore_point(plan, repository, point, target, run, shape=shape)
        apply_part(plan, target, adapted.objects, run, part="claims").raise_for_failures()
        tasks = volumes_to_restore(plan, target, adapted, repository)
        known = [as_it_holds_now(target, task) for task in tasks]
        specs = {task.claim: restore_spec(plan, task, run, "stage") for task in known}
        summaries, done = self._run(specs), {}
        self.failures.clear()
        for task in tasks:
            try:
                done[task.claim] = settle(target, task.model_dump(mode="json"), summaries[task.claim])
            except Exception as error:  # noqa: BLE001 - looked at by the test
                self.failures[task.claim] = error
        return done

    def _run(self, specs: Mapping[str, MoverSpec]) -> dict[str, dict[str, Any]]:
        api = self.moves.apis["target"]
        jobs = {name: submit(api, spec, self.moves.credentials) for name, spec in specs.items()}
        summaries: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while waiting := {name: job for name, job in jobs.items() if name not in summaries}:
            seen = look(api, waiting)
            for name, one in seen.items():
                if one.phase in {"succeeded", "failed", "gone"}:
                    assert one.summary is not None, f"{name}: {one.reason}"
                    summaries[name] = one.summary
            assert time.monotonic() < deadline, {name: one.reason for name, one in seen.items()}
            time.sleep(ATTEMPT_SECONDS)
        for job in jobs.values():
            remove(api, job.namespace, job.name)
        return summaries

    def claim(self, side: str, name: str) -> dict[str, Any]:
        """Return a claim as it is."""
        found: dict[str, Any] = self._cluster(side).get(
            f"/api/v1/namespaces/{self.space}/persistentvolumeclaims/{name}"
        )
        return found

    def ask_for(self, name: str, storage_class: str) -> None:
        """Ask for a volume in the source."""
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "64Mi"}},
        }
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
        self.moves.source.request(
            "POST", f"/api/v1/namespaces/{self.space}/persistentvolumeclaims", body=body
        )

    def run_there(self, side: str, script: str, claims: Iterable[str]) -> str:
        """Run a shell script in a pod that has claims mounted below /data; return what it printed."""
        names = list(claims)
        container = {
            "name": "main",
            "image": MOVER_IMAGE,
            "command": ["sh", "-ec", script],
            "volumeMounts": [{"name": name, "mountPath": f"/data/{name}"} for name in names],
        }
        spec = {
            "restartPolicy": "Never",
            "containers": [container],
            "securityContext": {"runAsUser": 0},
            "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names],
        }
        core = client.CoreV1Api(self.moves.apis[side])
        body = {"metadata": {"name": "hand"}, "spec": spec}

        def made() -> bool:
            try:
                core.create_namespaced_pod(self.space, body)
            except ApiException as error:
                # The namespace's account is made by a controller, and then its token by another.
                if error.status not in {403, 409} and "Retry-After" not in (error.headers or {}):
                    raise
                return False
            return True

        def over() -> bool:
            return core.read_namespaced_pod("hand", self.space).status.phase in {"Succeeded", "Failed"}

        def gone() -> bool:
            return not core.list_namespaced_pod(self.space, field_selector="metadata.name=hand").items

        eventually(made, "a pod to be made")
        eventually(over, "the pod's script to end")
        with core.read_namespaced_pod_log("hand", self.space, _preload_content=False) as answer:
            printed: str = answer.data.decode()
        phase = core.read_namespaced_pod("hand", self.space).status.phase
        core.delete_namespaced_pod("hand", self.space, grace_period_seconds=0)
        eventually(gone, "the pod to be gone")
        assert phase == "Succeeded", printed
        return printed

    def _cluster(self, side: str) -> Cluster:
        return {"source": self.moves.source, "target": self.moves.target}[side]


def make_class(cluster: Cluster, name: str, stack: ExitStack, *, waits: bool) -> str:
    """Make a class of volumes that may grow, which is deleted at the end.

    :param waits: whether a volume is made for its first pod only.
    """
    path = "/apis/storage.k8s.io/v1/storageclasses"
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/host-path",
        "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate",
        "allowVolumeExpansion": True,
    }
    cluster.request("POST", path, body=body)
    stack.callback(delete, cluster, f"{path}/{name}")
    return name


def make_volume(cluster: Cluster, name: str, mode: str, stack: ExitStack) -> str:
    """Make a volume by hand, for claims of a class of its own name; deleted at the end."""
    path = "/api/v1/persistentvolumes"
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": [mode],
            "storageClassName": name,
            "persistentVolumeReclaimPolicy": "Delete",  # with its folder
            "hostPath": {"path": f"/tmp/{name}", "type": "DirectoryOrCreate"},
        },
    }

    cluster.request("POST", path, body=body)
    stack.callback(delete, cluster, f"{path}/{name}")
    return name


def delete(cluster: Cluster, path: str) -> None:
    """Delete an object unless it is gone, such as a volume that its claim took along."""
    with suppress(NotFound):
        cluster.request("DELETE", path)


def eventually(condition: Any, what: str) -> None:
    """Wait until a condition is met; fail with its name if it isn't."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(ATTEMPT_SECONDS)
