"""One cluster's folders, addresses and accounts; where its configuration files are written."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.lab.certificates import make_certificates, make_signing_key
from tests.lab.instance import Instance

API_PORT = 6443
# Account name -> groups, as in a token file of the API server.
ACCOUNTS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "system:masters",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
}


@dataclass(frozen=True)
class Layout:
    """Where things of one cluster are.

    :param instance: the lab.
    :param name: ``source`` or ``target``.
    :param number: 1 or 2; the cluster's addresses follow from it.
    """

    instance: Instance
    name: str
    number: int

    @property
    def run(self) -> Path:
        """Sockets, pid files and accounts."""
        return self.instance.run / self.name

    @property
    def data(self) -> Path:
        """Databases, images and volumes."""
        return self.instance.data / self.name

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.instance.logs / self.name

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.data / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.instance.run / f"{self.name}.kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def host_end(self) -> str:
        """The machine's address on the wire to the node; the API server listens there."""
        return self.instance.address(self.number, 1)

    @property
    def node_end(self) -> str:
        """The node's address."""
        return self.instance.address(self.number, 2)

    @property
    def node_name(self) -> str:
        """The node's name in the cluster."""
        return f"{self.name}-node-1"

    @property
    def pod_subnet(self) -> str:
        """The addresses of pods."""
        return f"{self.instance.address(16 * self.number, 0)}/20"

    @property
    def service_subnet(self) -> str:
        """The virtual addresses of Services."""
        return f"{self.instance.address(64 + 16 * self.number, 0)}/20"

    @property
    def wire(self) -> str:
        """The name of the machine's end of the wire to the node."""
        return f"{self.instance.bridge}{self.name[0]}"

    @property
    def cgroup(self) -> str:
        """The control group below which the node's pods run."""
        return f"{self.instance.cgroup}/{self.name}"

    @property
    def node_cgroup(self) -> str:
        """The control group of the node's own servers, and of containerd's shims."""
        return f"{self.cgroup}-node"

    @property
    def api_address(self) -> str:
        """The API server's address."""
        return f"https://{self.host_end}:{API_PORT}"

    @cached_property
    def tokens(self) -> dict[str, str]:
        """Each account's token, made at the first call and kept with the cluster."""
        path = self.pki / "tokens.json"
        if not path.exists():
            accounts = [*ACCOUNTS, f"system:node:{self.node_name}"]
            write_file(
                path, json.dumps({account: secrets.token_urlsafe(24) for account in accounts}), mode=0o600
            )
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def account_file(self, account: str) -> Path:
        """Return the kubeconfig of an account."""
        return self.kubeconfig if account == "admin" else self.run / f"{account.replace(':', '-')}.kubeconfig"

    def prepare(self) -> None:
        """Make folders, certificates, tokens and kubeconfigs, where they are missing."""
        self.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        first_service = f"{self.service_subnet.rsplit('.', 1)[0]}.1"
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
        make_certificates(self.pki, f"lab {self.name}", [self.host_end, first_service, *names])
        make_signing_key(self.pki)
        lines = []
        for number, (account, token) in enumerate(self.tokens.items()):
            groups = "system:nodes" if account.startswith("system:node:") else ACCOUNTS[account]
            lines.append(
                f'{token},{account},{number},"{groups}"' if groups else f"{token},{account},{number}"
            )
            config = json.dumps(self._kubeconfig(account, token), indent=1)
            write_file(self.account_file(account), config, mode=0o600)
        write_file(self.pki / "tokens.csv", "\n".join(lines) + "\n", mode=0o600)

    def _kubeconfig(self, account: str, token: str) -> dict[str, Any]:
        authority = base64.b64encode((self.pki / "ca.crt").read_bytes()).decode()
        server = {"server": self.api_address, "certificate-authority-data": authority}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "clusters": [{"name": self.name, "cluster": server}],
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": account}}],
        }


def write_file(path: Path, content: str, mode: int = 0o644) -> Path:
    """Write a file, whole or not at all, and return its path."""
    half = path.with_name(f".{path.name}.half")
    half.write_text(content, encoding="utf-8")
    half.chmod(mode)
    half.rename(path)
    return path
