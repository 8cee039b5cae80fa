"""CustomResourceDefinitions: when their kinds can be used."""

from __future__ import annotations

import time
from collections.abc import Sequence

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import NotFound, ServerFailed
from migration_ops.cluster.kinds import discovery
from migration_ops.cluster.reference import Manifest

CUSTOM_RESOURCE_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


def wait_established(cluster: Cluster, names: Sequence[str], timeout_seconds: float) -> dict[str, str]:
    """Wait until definitions are established and their kinds are served.

    :param cluster: the cluster.
    :param names: the definitions' names (``plural.group``).
    :param timeout_seconds: for all of them together.
    :return: those that were not in time, with the reason.
    """
    resource = discovery(cluster).find(*CUSTOM_RESOURCE_DEFINITION)
    if resource is None:
        return dict.fromkeys(names, "the cluster serves no CustomResourceDefinitions")
    deadline = time.monotonic() + timeout_seconds
    waiting: dict[str, str] = dict.fromkeys(names, "was not established in time")
    while waiting:
        for name in list(waiting):
            try:
                definition = cluster.get(resource.path(name=name), what=f"read definition {name}")
            except NotFound:
                waiting[name] = "was not created"
                continue
            reason = _not_established(definition)
            if reason is None and _is_served(cluster, definition):
                del waiting[name]
            else:
                waiting[name] = reason or "is established, but its kind is not served yet"
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return waiting


def _not_established(definition: Manifest) -> str | None:
    conditions = {one["type"]: one for one in (definition.get("status") or {}).get("conditions") or []}
    for kind in ("NamesAccepted", "Established"):
        condition = conditions.get(kind) or {}
        if condition.get("status") != "True":
            return f"is not {kind}: {condition.get('message') or condition.get('reason') or 'no status yet'}"
    return None


def _is_served(cluster: Cluster, definition: Manifest) -> bool:
    """Established comes a moment before the API server routes requests for the kind."""
    spec = definition["spec"]
    for version in spec.get("versions") or []:
        if not version.get("served"):
            continue
        path = f"/apis/{spec['group']}/{version['name']}"
        try:
            answer = cluster.get(path, what=f"discover {spec['group']}/{version['name']}")
            if not any(one["name"] == spec["names"]["plural"] for one in answer.get("resources") or []):
                return False
            cluster.get(f"{path}/{spec['names']['plural']}", query={"limit": 1}, what="try the new kind")
        except NotFound:
            return False
        except ServerFailed as error:
            if "conversion webhook" not in str(error):
                return False
            # The kind is there; its objects wait for their operator.
    return True
