"""The account of a target brings applications in and takes them back, and uses every verb of its role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from migration_ops.cluster import Cluster, apply, roll_back
from migration_ops.cluster.account import account_manifests
from migration_ops.cluster.grants import Grant, grants

from .conftest import as_account, create, deployment, exists, obj, read

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

RBAC = "rbac.authorization.k8s.io"
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


@contextmanager
def account_with(cluster: Cluster, name: str, rules: list[Grant]) -> Iterator[Cluster]:
    """An account with these rights and no others."""
    namespace, account, role, binding = account_manifests("target", rules)
    for manifest in (namespace, role, binding):
        manifest["metadata"]["name"] = name
    account["metadata"]["namespace"] = name
    binding["roleRef"]["name"] = binding["subjects"][0]["namespace"] = name
    create(cluster, namespace, account, role, binding)
    connection = as_account(cluster, name, account["metadata"]["name"])
    try:
        yield connection
    finally:
        connection.close()
        for plural in ("clusterrolebindings", "clusterroles"):
            cluster.request("DELETE", f"/apis/{RBAC}/v1/{plural}/{name}")
        cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The rights that requests have taken, as verb and kind."""
    seen: set[tuple[str, str]] = set()
    plain = Cluster.request

    def recording(self: Cluster, method: str, path: str, **options: Any) -> Any:
        parts = path.partition("?")[0].strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            rest = rest[2:]
        if rest:  # else it asks what is served, which everybody may
            verb = "list" if method == "GET" and len(rest) == 1 else VERBS[method]
            seen.add((verb, rest[0]))
        return plain(self, method, path, **options)

    monkeypatch.setattr(Cluster, "request", recording)
    return seen


def application(space: str) -> list[dict[str, Any]]:
    """An application that grants itself what the account may not do itself: `watch`."""
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"]}]
    role_ref = {"apiGroup": RBAC, "kind": "Role", "name": "watcher"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": space}]
    web = deployment(space, "web")
    web["spec"]["selector"]["matchLabels"] = {"app": "other"}
    web["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    return [
        obj("ConfigMap", space, "settings", data={"ours": "2"}),
        obj("Role", space, "watcher", f"{RBAC}/v1", rules=rules),
        obj("RoleBinding", space, "watcher", f"{RBAC}/v1", roleRef=role_ref, subjects=subjects),
        web,
    ]


def test_a_target_is_served_with_the_shipped_role_and_with_every_verb_in_it(
    target_cluster: Cluster,
    unique: str,
    used: set[tuple[str, str]],
    namespace_in: Callable[[Cluster], str],
) -> None:
    space = namespace_in(target_cluster)
    theirs = obj("ConfigMap", space, "settings", data={"theirs": "1"})
    create(target_cluster, theirs, deployment(space, "web"))
    existing = {"apps/Deployment": "recreate", "*": "update"}
    with account_with(target_cluster, f"{unique}-account", grants("target")) as account:
        used.clear()
        results = apply(account, application(space), plan="p", run=unique, existing=existing)
        assert [one for one in results if one.action == "failed"] == []
        undone = roll_back(account, plan="p", run=unique)
        rights_used = set(used)
    assert undone.problems == ()
    assert read(target_cluster, f"v1/ConfigMap/{space}/settings")["data"] == {"theirs": "1"}
    assert not exists(target_cluster, f"{RBAC}/v1/Role/{space}/watcher")

    everything, rights = grants("target")
    assert {verb for verb, _ in rights_used} == set(everything.verbs)
    assert set(rights.verbs) == {"bind", "escalate"}
    # Every kind is granted, as an application may consist of any; what is written is what it consists of.
    written = {plural for verb, plural in rights_used if verb not in {"get", "list"}}
    # What an object was before is kept in a Secret until nobody may want it back.
    assert written == {"configmaps", "roles", "rolebindings", "deployments", "secrets"}


@pytest.mark.parametrize(("missing", "refused"), [("escalate", "Role"), ("bind", "RoleBinding")])
def test_an_application_with_rights_needs_an_account_that_may_grant_them(
    target_cluster: Cluster,
    unique: str,
    namespace_in: Callable[[Cluster], str],
    missing: str,
    refused: str,
) -> None:
    space = namespace_in(target_cluster)
    everything, rights = grants("target")
    verbs = tuple(verb for verb in rights.verbs if verb != missing)
    less = Grant(rights.groups, rights.resources, verbs, rights.purpose)
    roles = application(space)[1:3]
    with account_with(target_cluster, f"{unique}-account", [everything, less]) as account:
        if refused == "RoleBinding":  # its role has to be there
            create(target_cluster, roles[0])
        results = {one.object: one for one in apply(account, roles, plan="p", run=unique, existing="update")}
    failed = results[f"{RBAC}/v1/{refused}/{space}/watcher"]
    assert failed.action == "failed"
    assert "attempting to grant RBAC permissions not currently held" in failed.message
