"""The account that migration-ops works as in a cluster: its manifests, and a kubeconfig of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(NAME)},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(NAME) | {"namespace": NAME}},
        *_role(f"{NAME}-{side}", grants(side) if rules is None else rules),
    ]


def plan_manifests(plan: str, rules: Iterable[Grant]) -> list[Manifest]:
    """Return role and binding of what a plan's own hooks take of the source's account.

    They are the plan's: whatever makes the account's own role anew, or another plan's, leaves them alone.

    :param plan: its name.
    :param rules: what its hooks take; none takes away what they took before.
    """
    return _role(f"{NAME}-source-{plan}", rules)


def reads_everything(cluster: Cluster) -> bool | None:
    """Tell whether the role of a source's account reads every kind (`*`); ``None`` if there is no such role.

    :param cluster: reached by somebody who may read roles.
    :raises ClusterError: when the server refuses.
    """
    name = f"{NAME}-source"
    try:
        role = cluster.get(_PATHS["ClusterRole"].format(name=name), what=f"look for ClusterRole {name}")
    except NotFound:
        return None
    return any("*" in (rule.get("resources") or ()) for rule in role.get("rules") or ())


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


@dataclass(frozen=True, slots=True)
class AccountKubeconfig:
    """A kubeconfig with a token.

    :param document: the kubeconfig.
    :param expires: when its token ends, as the server says; ``None`` if it doesn't.
    """

    document: Manifest = field(repr=False)
    expires: datetime | None


def account_kubeconfig(cluster: Cluster, *, hours: float) -> AccountKubeconfig:
    """Return a kubeconfig that holds a token of the account.

    :param cluster: where the account is.
    :param hours: how long the token is asked to hold; a server may shorten that, as the answer tells.
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
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": server}],
        "users": [{"name": NAME, "user": {"token": answer["status"]["token"]}}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": NAME}}],
        "current-context": cluster.name,
    }
    return AccountKubeconfig(document, _moment(answer["status"].get("expirationTimestamp")))


def write_shipped(folder: Path) -> None:
    """Write the shipped files anew.

    :param folder: ``include/rbac``.
    """
    for side in _HEADS:
        (folder / f"{side}.yaml").write_text(account_yaml("source" if side == "source" else "target"))


def _role(name: str, rules: Iterable[Grant]) -> list[Manifest]:
    return [
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRole",
            "metadata": _metadata(name),
            "rules": [one.rule() for one in rules],
        },
        {
            "apiVersion": _RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": _metadata(name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        },
    ]


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {OWN_LABEL: "account"}}  # the label keeps it out of every backup


def _yaml(manifest: Manifest) -> str:
    text: str = yaml.safe_dump(manifest, sort_keys=False)
    return text


def _rule_yaml(grant: Grant) -> str:
    rule = yaml.safe_dump([grant.rule()], sort_keys=False, default_flow_style=None, width=110)
    return f"  # {grant.purpose}\n" + "".join(f"  {line}\n" for line in rule.splitlines())
