"""The account that migration-ops works as in a cluster: its manifests, and a kubeconfig of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from migration_ops.cluster.connection import APPLY_PATCH, Cluster
from migration_ops.cluster.errors import ClusterError, NotFound
from migration_ops.cluster.exclusions import OWN_LABEL
from migration_ops.cluster.grants import Grant, Side, grants
from migration_ops.cluster.marks import FIELD_MANAGER
from migration_ops.cluster.reference import Manifest

NAME = "migration-ops"
"""Of the namespace and of the ServiceAccount in it."""

_RBAC = "rbac.authorization.k8s.io/v1"
_PATHS = {
    "Namespace": "/api/v1/namespaces/{name}",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}",
}

_HEADS = {
    "source": """\
# What migration-ops may do in a cluster that applications leave: read everything, stop and start workloads,
# run movers. Written from the table in plugins/migration_ops/cluster/grants.py. `migration-ops account`
# makes a narrower role for a given cluster, which names each kind that is read, and a kubeconfig.
""",
    "target": """\
# What migration-ops may do in a cluster that applications move to: make and change every kind, access
# rights included. That is nearly everything: bind it for the time of the migration, and take it away after.
# Written from the table in plugins/migration_ops/cluster/grants.py.
""",
}


def account_manifests(side: Side, rules: Iterable[Grant] | None = None) -> list[Manifest]:
    """Return namespace, ServiceAccount, role and binding.

    :param side: of which cluster.
    :param rules: what the role grants; the table's when not given.
    """
    role = f"{NAME}-{side}"
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": NAME}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(NAME)},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(NAME) | {"namespace": NAME}},
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRole",
            "metadata": _metadata(role),
            "rules": [one.rule() for one in (grants(side) if rules is None else rules)],
        },
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": _metadata(role),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        },
    ]


def account_yaml(side: Side) -> str:
    """Return the manifests as the shipped file writes them, each rule with its purpose.

    :param side: of which cluster.
    """
    namespace, account, role, binding = (_yaml(one) for one in account_manifests(side, []))
    rules = "rules:\n" + "".join(_rule_yaml(one) for one in grants(side))
    return "---\n".join([_HEADS[side] + namespace, account, role.replace("rules: []\n", rules), binding])


def apply_account(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    """Make the account, or change it to what it should be.

    :param cluster: reached by somebody who may grant rights.
    :param manifests: of `account_manifests`.
    :raises ClusterError: when the server refuses.
    """
    for manifest in manifests:
        metadata = manifest["metadata"]
        path = _PATHS[manifest["kind"]].format(**metadata)
        cluster.patch(
            path,
            manifest,
            content_type=APPLY_PATCH,
            query={"fieldManager": FIELD_MANAGER, "force": True},
            what=f"apply {manifest['kind']} {metadata['name']}",
        )


def account_kubeconfig(cluster: Cluster, *, hours: float) -> Manifest:
    """Return a kubeconfig that holds a token of the account.

    :param cluster: where the account is.
    :param hours: how long the token is asked to hold; a server may shorten that.
    :raises ClusterError: when the server gives no token, or there is no such account.
    """
    path = f"/api/v1/namespaces/{NAME}/serviceaccounts/{NAME}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": int(hours * 3600)},
    }
    try:
        answer = cluster.request("POST", path, body=body, what=f"ask for a token of ServiceAccount {NAME}")
    except NotFound as error:
        message = (
            f"{cluster.name} gives no token for ServiceAccount {NAME}/{NAME}: apply its manifests first; "
            "a server older than 1.20 gives tokens as Secrets only"
        )
        raise ClusterError(message) from error
    server: dict[str, Any] = {"server": cluster.address}
    if authority := cluster.certificate_authority():
        server["certificate-authority-data"] = base64.b64encode(authority).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": server}],
        "users": [{"name": NAME, "user": {"token": answer["status"]["token"]}}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": NAME}}],
        "current-context": cluster.name,
    }


def write_shipped(folder: Path) -> None:
    """Write the shipped files anew.

    :param folder: ``include/rbac``.
    """
    for side in _HEADS:
        (folder / f"{side}.yaml").write_text(account_yaml("source" if side == "source" else "target"))


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {OWN_LABEL: "account"}}  # the label keeps it out of every backup


def _yaml(manifest: Manifest) -> str:
    text: str = yaml.safe_dump(manifest, sort_keys=False)
    return text


def _rule_yaml(grant: Grant) -> str:
    rule = yaml.safe_dump([grant.rule()], sort_keys=False, default_flow_style=None, width=110)
    return f"  # {grant.purpose}\n" + "".join(f"  {line}\n" for line in rule.splitlines())
