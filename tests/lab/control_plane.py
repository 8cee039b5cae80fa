"""The command lines of etcd, API server, controller manager and scheduler.

They run on the machine itself, on addresses of the lab; what pods needn't reach listens on loopback.
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

from tests.lab.layout import API_PORT, Layout

# The beta APIs that were gone by Kubernetes 1.25 and have a stable version in 1.20; a modern target serves
# none.
OLD_BETAS = (
    "admissionregistration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiregistration.k8s.io/v1beta1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1beta1",
    "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1beta1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "networking.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1beta1",
    "scheduling.k8s.io/v1beta1",
    "storage.k8s.io/v1beta1",
)


def etcd_command(layout: Layout) -> list[str]:
    """Return etcd's command; it doesn't wait for the disk, since the lab may lose its data."""
    ports = layout.instance.ports
    client, peer = (f"http://127.0.0.1:{ports[f'{layout.name}-etcd{kind}']}" for kind in ("", "-peer"))
    return [
        "/usr/bin/etcd",
        *("--name", layout.name, "--data-dir", str(layout.data / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"{layout.name}={peer}", "--logger", "zap", "--log-level", "warn"),
    ]


def etcd_ready(layout: Layout) -> bool:
    """Tell whether etcd answers."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{layout.instance.ports[f'{layout.name}-etcd']}/health", timeout=2
        ) as got:
            return bool(json.load(got).get("health") == "true")
    except (OSError, ValueError):
        return False


def apiserver_command(layout: Layout, binaries: Path, *, old_betas: bool) -> list[str]:
    """Return the API server's command.

    :param old_betas: whether it serves the beta APIs of old clusters.
    """
    pki = layout.pki
    command = [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{layout.instance.ports[f'{layout.name}-etcd']}",
        f"--bind-address={layout.host_end}",
        f"--advertise-address={layout.host_end}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={layout.service_subnet}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        f"--token-auth-file={pki / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-key-file={pki / 'accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",  # else exec and logs look for the node's name in DNS
        "--profiling=false",
    ]
    if not old_betas:
        command.append("--runtime-config=" + ",".join(f"{version}=false" for version in OLD_BETAS))
    return command


def apiserver_ready(layout: Layout) -> bool:
    """Tell whether the API server has finished starting."""
    context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
    try:
        with urllib.request.urlopen(f"{layout.api_address}/readyz", timeout=2, context=context) as got:
            return bool(got.status == 200)
    except OSError:
        return False


def controller_manager_command(layout: Layout, binaries: Path) -> list[str]:
    """Return the controller manager's command; it makes the folders that serve as volumes."""
    return [
        str(binaries / "kube-controller-manager"),
        f"--kubeconfig={layout.account_file('system:kube-controller-manager')}",
        f"--service-account-private-key-file={layout.pki / 'accounts.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        "--leader-elect=false",
        "--enable-hostpath-provisioner=true",
        "--concurrent-deployment-syncs=10",
        "--port=0",
        "--secure-port=0",
    ]


def scheduler_command(layout: Layout, binaries: Path) -> list[str]:
    """Return the scheduler's command."""
    return [
        str(binaries / "kube-scheduler"),
        f"--kubeconfig={layout.account_file('system:kube-scheduler')}",
        "--leader-elect=false",
        "--port=0",
        "--secure-port=0",
    ]
