"""A cluster of the lab: its parts, started in order, stopped and started one by one for fault tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import control_plane, network, node
from tests.lab.cgroups import kill_group, make_group
from tests.lab.daemons import Daemon
from tests.lab.errors import LabError
from tests.lab.archive import pause_archive
from tests.lab.importing import import_archive
from tests.lab.instance import Instance
from tests.lab.layout import Layout

PARTS = (
    "etcd",
    "apiserver",
    "node",
    "controller-manager",
    "scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
)
IN_NODE = ("controller-manager", "containerd", "kubelet", "kube-proxy")


@dataclass(frozen=True)
class Flavour:
    """What makes one cluster differ from the other.

    :param number: its addresses follow from it.
    :param old_betas: whether it serves the beta APIs of old clusters.
    :param storage_class: name and settings of its class of volumes.
    """

    number: int
    old_betas: bool
    storage_class: dict[str, Any]


FLAVOURS = {
    "source": Flavour(
        number=1,
        old_betas=True,
        storage_class={
            "metadata": {
                "name": "gp2",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    ),
    "target": Flavour(
        number=2,
        old_betas=False,
        # Not the default: a claim whose class nobody mapped must not find a volume by accident.
        storage_class={"metadata": {"name": "alicloud-disk-essd"}, "volumeBindingMode": "Immediate"},
    ),
}


class LabCluster:
    """One of the two clusters.

    :param instance: the lab it belongs to.
    :param name: ``source`` or ``target``.
    :param binaries: the folder with the Kubernetes servers.
    """

    def __init__(self, instance: Instance, name: str, binaries: Path) -> None:
        self.name = name
        self.flavour = FLAVOURS[name]
        self.layout = Layout(instance, name, self.flavour.number)
        self.binaries = binaries
        self.daemons = {part: self._daemon(part) for part in PARTS}

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def api_address(self) -> str:
        """The API server's address, reachable from this machine and from the cluster's pods."""
        return self.layout.api_address

    @property
    def volumes(self) -> Path:
        """The folder on this machine that holds the cluster's volumes, each named as in its PersistentVolume."""
        return self.layout.data / "volumes"

    def api_client(self) -> Any:
        """Return a new ``kubernetes.client.ApiClient`` of the administrator."""
        from kubernetes import config

        return config.new_client_from_config(str(self.kubeconfig))

    def _daemon(self, part: str) -> Daemon:
        layout, binaries = self.layout, self.binaries
        commands: dict[str, Callable[[], list[str]]] = {
            "etcd": lambda: control_plane.etcd_command(layout),
            "apiserver": lambda: control_plane.apiserver_command(
                layout, binaries, old_betas=self.flavour.old_betas
            ),
            "node": lambda: node.holder_command(layout, binaries),
            "controller-manager": lambda: control_plane.controller_manager_command(layout, binaries),
            "scheduler": lambda: control_plane.scheduler_command(layout, binaries),
            "containerd": lambda: ["/usr/bin/containerd", "--config", str(node.configure_containerd(layout))],
            "kubelet": lambda: node.kubelet_command(layout, binaries),
            "kube-proxy": lambda: node.kube_proxy_command(layout, binaries),
        }
        ready: dict[str, Callable[[], bool]] = {
            "etcd": lambda: control_plane.etcd_ready(layout),
            "apiserver": lambda: control_plane.apiserver_ready(layout),
            "containerd": lambda: node.containerd_ready(layout),
            "kubelet": lambda: node.kubelet_ready(layout),
        }
        return Daemon(
            name=f"{self.name} {part}",
            command=lambda: self._placed(part, commands[part]()),
            log=layout.logs / f"{part}.log",
            pid_file=layout.run / f"{part}.pid",
            group=f"{layout.instance.cgroup}/daemons",
            ready=ready.get(part),
            # Else the kubelet asks Amazon's metadata service for credentials, and waits 6 s for no answer.
            environment={"AWS_EC2_METADATA_DISABLED": "true"},
        )

    def _placed(self, part: str, command: list[str]) -> list[str]:
        if part not in IN_NODE:
            return command
        holder = self.daemons["node"].pid
        if holder is None:
            raise LabError(f"the node of {self.name} doesn't run: start it (`Lab.up()`) before its {part}")
        # The controller manager makes the folders of volumes, so it must see the node's mounts; its API server
        # is reached from the machine's own network.
        return node.inside(holder, *command, network=part != "controller-manager")

    def start_control_plane(self) -> None:
        """Start etcd and the API server, and wait until the API serves."""
        self.layout.prepare()
        self.start("etcd", wait=True)
        self.start("apiserver", wait=False)

    def start(self, part: str, *, wait: bool = True) -> None:
        """Start one part unless it runs.

        :param wait: return only when it serves.
        :raises LabError: it doesn't start; the message ends with its log.
        """
        daemon = self._part(part)
        if part == "node":
            self._start_node()
        elif part == "kubelet":
            node.configure_kubelet(self.layout)
            make_group(self.layout.cgroup)
            daemon.start()
        elif part == "kube-proxy":
            node.configure_kube_proxy(self.layout)
            daemon.start()
        else:
            daemon.start()
        if wait:
            daemon.wait_ready()

    def stop(self, part: str, *, hard: bool = False) -> None:
        """Stop one part; pods go on running when the kubelet or containerd stops.

        :param hard: kill it, as a crash would.
        """
        self._part(part).stop(hard=hard)

    def _part(self, part: str) -> Daemon:
        if part not in self.daemons:
            raise LabError(f"no part {part!r} in a cluster: it has {', '.join(PARTS)}")
        return self.daemons[part]

    def _start_node(self) -> None:
        holder = self.daemons["node"]
        if not holder.running:
            # What still runs in the namespaces of a dead holder can't be joined by new parts: start afresh.
            for part in IN_NODE:
                self.daemons[part].stop(hard=True)
            kill_group(self.layout.cgroup)
        node.make_mount_points(self.layout)
        make_group(self.layout.cgroup)
        holder.start()
        pid = holder.pid
        if pid is None:
            raise LabError(f"the node of {self.name} ended at once\n{holder.last_lines()}")
        wait_until(lambda: _in_own_network(pid), f"network namespace of {self.name}", 10)
        network.connect_node(self.layout, pid)

    def start_all(self) -> None:
        """Start every part that doesn't run and wait until the cluster takes pods."""
        self.layout.prepare()
        self.start("etcd", wait=False)
        self.start("node", wait=False)
        self.start("containerd", wait=False)
        self.daemons["etcd"].wait_ready()
        self.start("apiserver", wait=False)
        self.daemons["containerd"].wait_ready()
        pause = pause_archive(node.PAUSE_IMAGE, self.binaries)
        self.import_image(pause, [node.PAUSE_IMAGE])
        self.daemons["apiserver"].wait_ready()
        for part in ("controller-manager", "scheduler", "kubelet", "kube-proxy"):
            self.start(part, wait=False)
        self._apply_storage_class()
        self.daemons["kubelet"].wait_ready()
        self.wait_node_ready()

    def wait_node_ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until the node takes pods and pods get their account's token."""
        from kubernetes import client

        with self.api_client() as api:
            core = client.CoreV1Api(api)

            def takes_pods() -> bool:
                nodes = core.list_node().items
                conditions = {
                    item.type: item.status for found in nodes for item in found.status.conditions or []
                }
                tainted = any(found.spec.taints for found in nodes)
                accounts = core.list_namespaced_service_account("default").items
                return (
                    conditions.get("Ready") == "True"
                    and not tainted
                    and any(item.secrets for item in accounts)
                )

            wait_until(takes_pods, f"node of {self.name} to take pods", timeout_seconds)

    def _apply_storage_class(self) -> None:
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException

        body = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "provisioner": "kubernetes.io/host-path",
            "reclaimPolicy": "Delete",
            **self.flavour.storage_class,
        }
        with self.api_client() as api:
            try:
                client.StorageV1Api(api).create_storage_class(body)
            except ApiException as error:
                if error.status != 409:
                    raise

    def import_image(self, archive: Path, names: Sequence[str]) -> None:
        """Make an image known to the node under these full names; nothing happens if it is known already.

        :param archive: an OCI archive, as ``Lab.build_image`` returns it.
        :param names: such as ``docker.io/local/web:1`` (the registry must be written).
        """
        import_archive(self.layout.containerd_socket, archive, names)


def _in_own_network(pid: int) -> bool:
    own = Path("/proc/self/ns/net").readlink()
    # The folders are mounted when the shell has become the holder.
    return (
        Path(f"/proc/{pid}/ns/net").readlink() != own and Path(f"/proc/{pid}/exe").readlink().name == "pause"
    )


def wait_until(condition: Callable[[], bool], what: str, timeout_seconds: float) -> None:
    """Wait for a condition.

    :raises LabError: it isn't met in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_seconds:.0f} s for the {what}")
        time.sleep(0.1)
