"""A cluster of the lab: its parts, started in order, stopped and started one by one for fault tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kubernetes import client

from tests.lab import control_plane, network, node
from tests.lab.cgroups import kill_group, make_group
from tests.lab.clients import open_client
from tests.lab.daemons import Daemon
from tests.lab.errors import LabError
from tests.lab.flavours import FLAVOURS
from tests.lab.image import pause_image
from tests.lab.importing import import_image
from tests.lab.instance import Instance
from tests.lab.layout import Layout
from tests.lab.readiness import make_storage_class, wait_for_node, wait_until

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
STOP_SECONDS = 4.0  # an API server would wait a minute for those who watch
IN_NODE = ("controller-manager", "containerd", "kubelet", "kube-proxy")


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
        """The folder on this machine that holds the volumes, named as in their PersistentVolumes."""
        return self.layout.data / "volumes"

    def api_client(self) -> client.ApiClient:
        """Return a new client of the administrator; close it, or use it as a context manager."""
        return open_client(self.kubeconfig)

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
            group=layout.node_cgroup if part in {"node", *IN_NODE} else f"{layout.instance.cgroup}/daemons",
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
        # The controller manager makes the folders of volumes, so it must see the node's mounts; its API
        # server is reached from the machine's own network.
        return node.inside(holder, *command, network=part != "controller-manager")

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
        self._part(part).stop(hard=hard, timeout_seconds=STOP_SECONDS)

    def _part(self, part: str) -> Daemon:
        if part not in self.daemons:
            raise LabError(f"no part {part!r} in a cluster: it has {', '.join(PARTS)}")
        return self.daemons[part]

    def _start_node(self) -> None:
        holder = self.daemons["node"]
        if not holder.running:
            # What still runs in the namespaces of a dead holder can't be joined by new parts: start afresh.
            for group in (self.layout.node_cgroup, self.layout.cgroup):
                kill_group(group)
            network.remove_interface(self.layout.wire)
        node.make_mount_points(self.layout)
        make_group(self.layout.cgroup)
        holder.start()
        pid = holder.pid
        if pid is None:
            raise LabError(f"the node of {self.name} ended at once\n{holder.last_lines()}")
        wait_until(lambda: _in_own_network(pid), f"network namespace of {self.name}", 60)
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
        self.import_image(pause_image(node.PAUSE_IMAGE, self.binaries), [node.PAUSE_IMAGE])
        self.daemons["apiserver"].wait_ready()
        for part in ("controller-manager", "scheduler", "kubelet", "kube-proxy"):
            self.start(part, wait=False)
        make_storage_class(self.kubeconfig, self.flavour.storage_class)
        self.daemons["kubelet"].wait_ready()
        wait_for_node(self.kubeconfig, self.name)

    def import_image(self, image: Path, names: Sequence[str]) -> None:
        """Make an image known to the node under these full names; nothing happens if it is known already.

        :param image: as ``Lab.build_image`` returns it.
        :param names: such as ``docker.io/local/web:1`` (the registry must be written).
        """
        import_image(self.layout.containerd_socket, image, names)


def _in_own_network(pid: int) -> bool:
    own, process = Path("/proc/self/ns/net").readlink(), Path(f"/proc/{pid}")
    # The folders are mounted when the shell has become the holder.
    is_holder = (process / "comm").read_text(encoding="utf-8").strip() == "pause"
    return is_holder and (process / "ns/net").readlink() != own
