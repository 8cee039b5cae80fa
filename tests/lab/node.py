"""A node: namespaces of its own, and in them containerd, kubelet and kube-proxy.

A node has its own network, so that two kube-proxies don't fight over one machine's chains, and its own
mounts, so that the folders which kubelet, containerd and the volume provisioner hard-code are different
folders for each cluster, and every mount is gone when the node's last process is. A tiny process holds the
namespaces open.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.lab.layout import Layout, write_file

PAUSE_IMAGE = "docker.io/local/pause:1"
KUBELET_PORT, KUBELET_HEALTH_PORT = 10250, 10248


def private_folders(layout: Layout) -> dict[str, Path]:
    """Return the folders that programs hard-code -> what the node sees there."""
    return {
        "/tmp/hostpath_pv": layout.data / "volumes",
        "/var/lib/kubelet": layout.data / "kubelet",
        "/var/lib/cni": layout.data / "cni",
        "/var/log/pods": layout.logs / "pods",
        "/var/log/containers": layout.logs / "containers",
        "/run/containerd": layout.run / "runtime",
    }


def make_mount_points(layout: Layout) -> None:
    """Make the empty folders that the node's own ones are mounted on, and remember which were not there."""
    instance = layout.instance
    for where, seen in private_folders(layout).items():
        seen.mkdir(parents=True, exist_ok=True)
        if not Path(where).exists():
            instance.add_made_folders([where])
            Path(where).mkdir(parents=True, exist_ok=True)


def holder_command(layout: Layout, binaries: Path) -> list[str]:
    """Return the command that makes the namespaces, mounts the folders and stays."""
    script = 'set -e; while [ $# -gt 1 ]; do mount --bind "$1" "$2"; shift 2; done; exec "$1"'
    pairs = [word for where, seen in private_folders(layout).items() for word in (str(seen), where)]
    unshare = ["unshare", "--net", "--mount", "--propagation", "private", "--"]
    return [*unshare, "sh", "-c", script, "node", *pairs, str(binaries / "pause")]


def inside(holder: int, *command: str, network: bool = True) -> list[str]:
    """Return a command that runs in the node's namespaces.

    ``ip netns exec`` won't do: it mounts a fresh /sys, where the kubelet finds no control groups.
    """
    spaces = [f"--mount=/proc/{holder}/ns/mnt"] + ([f"--net=/proc/{holder}/ns/net"] if network else [])
    return ["nsenter", *spaces, "--", *command]


def configure_containerd(layout: Layout) -> Path:
    """Write containerd's and the pod network's configuration."""
    networks = layout.run / "cni"
    networks.mkdir(parents=True, exist_ok=True)
    address_management = {
        "type": "host-local",
        "ranges": [[{"subnet": layout.pod_subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.data / "cni-addresses"),
    }
    # ptp routes each pod, where a bridge would send answers of Services past the kube-proxy's rules.
    point_to_point = {"type": "ptp", "ipMasq": False, "ipam": address_management}
    network = {"cniVersion": "0.4.0", "name": layout.name, "plugins": [point_to_point]}
    write_file(networks / "10-lab.conflist", json.dumps(network, indent=1))
    config = f"""\
        version = 2
        root = "{layout.data / "containerd"}"
        state = "{layout.run / "containerd"}"
        disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
          "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
        [grpc]
          address = "{layout.containerd_socket}"
        [plugins."io.containerd.internal.v1.opt"]
          path = "{layout.data / "containerd-opt"}"
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "{PAUSE_IMAGE}"
          restrict_oom_score_adj = true
          netns_mounts_under_state_dir = true
          stream_server_port = "0"
          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "/usr/lib/cni"
            conf_dir = "{networks}"
          [plugins."io.containerd.grpc.v1.cri".containerd]
            snapshotter = "overlayfs"
            [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                BinaryName = "/usr/sbin/runc"
        """
    return write_file(layout.run / "containerd.toml", dedent(config))


def containerd_ready(layout: Layout) -> bool:
    """Tell whether containerd accepts connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(layout.containerd_socket)) == 0


def configure_kubelet(layout: Layout) -> Path:
    """Write the kubelet's configuration. Pods have no DNS, and learn at once that they have none."""
    no_dns = write_file(layout.run / "resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    config: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.node_end,
        "port": KUBELET_PORT,
        "healthzBindAddress": layout.node_end,
        "healthzPort": KUBELET_HEALTH_PORT,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.cgroup}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,  # images come from nowhere but us
        "imageGCLowThresholdPercent": 99,
        "resolvConf": str(no_dns),
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "4s",
        "maxPods": 200,
        "oomScoreAdj": 0,
        "containerLogMaxSize": "50Mi",
    }
    return write_file(layout.run / "kubelet.json", json.dumps(config, indent=1))


def kubelet_command(layout: Layout, binaries: Path) -> list[str]:
    """Return the kubelet's command, to be run inside the node."""
    return [
        str(binaries / "kubelet"),
        f"--config={layout.run / 'kubelet.json'}",
        f"--kubeconfig={layout.account_file(f'system:node:{layout.node_name}')}",
        "--container-runtime=remote",
        f"--container-runtime-endpoint=unix://{layout.containerd_socket}",
        f"--hostname-override={layout.node_name}",
        f"--node-ip={layout.node_end}",
        "--root-dir=/var/lib/kubelet",
        "--volume-plugin-dir=/var/lib/kubelet/volume-plugins",
        "--register-node=true",
    ]


def kubelet_ready(layout: Layout) -> bool:
    """Tell whether the kubelet calls itself healthy."""
    try:
        with urllib.request.urlopen(
            f"http://{layout.node_end}:{KUBELET_HEALTH_PORT}/healthz", timeout=2
        ) as got:
            return bool(got.status == 200)
    except OSError:
        return False


def configure_kube_proxy(layout: Layout) -> Path:
    """Write kube-proxy's configuration."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.account_file("system:kube-proxy"))},
        "mode": "iptables",
        "clusterCIDR": layout.pod_subnet,
        "hostnameOverride": layout.node_name,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0, "min": 0},  # those settings belong to the machine
        "iptables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
        "oomScoreAdj": 0,
    }
    return write_file(layout.run / "kube-proxy.json", json.dumps(config, indent=1))


def kube_proxy_command(layout: Layout, binaries: Path) -> list[str]:
    """Return kube-proxy's command, to be run inside the node."""
    return [str(binaries / "kube-proxy"), f"--config={layout.run / 'kube-proxy.json'}"]


def remove_mount_points(made_folders: list[str]) -> None:
    """Remove the mount points that the lab made, where they are empty; another lab may still use them."""
    for where in reversed(made_folders):
        try:
            os.rmdir(where)  # noqa: PTH106 - never follows, never deletes what isn't empty
        except OSError:
            continue
