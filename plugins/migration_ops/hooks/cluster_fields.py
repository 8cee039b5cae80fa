"""The extra fields of a cluster's connection, checked: which cluster is meant is said there or nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migration_ops.alibaba.settings import CONN_TYPE, REQUIRED
from migration_ops.cluster.errors import KubeconfigError
from migration_ops.hooks.anonymous import with_user
from migration_ops.hooks.extra_fields import extra_fields, unknown_field

_WAYS = ("kube_config", "kube_config_path", "in_cluster")
# Other fields of Airflow's form, two of which are called much like those.
_OTHERS = ("cluster_name", "cluster_context", "namespace", "disable_verify_ssl", "disable_tcp_keepalive")
_PREFIX = "extra__kubernetes__"
_NO = ("false", "no", "0", "off")
_REMEDY = (
    "set kube_config to a kubeconfig's text (JSON or YAML), kube_config_path to a file, or in_cluster to true"
)


def cluster_fields(connection: Any) -> dict[str, Any]:
    """Return a connection's extra fields such that workers' and triggerers' hooks read the same in them.

    Empty ones are left out, and of the three ways to name a cluster only the one is there that was chosen.
    Those of an ACK cluster are replaced by a temporary kubeconfig, for which the API may have to be asked.
    Kubernetes' own hooks go to whatever cluster `KUBECONFIG` or `~/.kube/config` names if a connection names
    none; two such connections would be one cluster, so here that is an error.

    :param connection: an Airflow connection of type `kubernetes` or `migration_ops_ack`.
    :raises KubeconfigError: if it names no cluster, or in a way that can't be read; names field and remedy.
    :raises ValueError: if its extra fields are no JSON object.
    :raises AlibabaError: when no kubeconfig of an ACK cluster can be had.
    """
    if connection.conn_type == CONN_TYPE:
        from migration_ops.hooks.ack import ack_kubeconfig

        return ack_kubeconfig(connection.conn_id, extra_fields(connection))
    return _checked(connection.conn_id, extra_fields(connection))


def name_of(connection: Any) -> str:
    """What a connection's cluster is called in snapshots and messages; asks nobody.

    :param connection: an Airflow connection of either type.
    """
    fields = extra_fields(connection)
    name = _field(fields, "cluster_name")
    if connection.conn_type == CONN_TYPE:
        name = name or fields.get("cluster")
    return str(name or connection.conn_id)


def _checked(conn_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    fields = _cleaned(given)
    said = [name for name in _WAYS if name in fields]
    if not said:
        raise KubeconfigError(f"connection {conn_id} names no cluster: {_reason(fields)}")
    if len(said) > 1:
        raise KubeconfigError(f"connection {conn_id} has {' and '.join(said)}; only one of them can be right")
    way = said[0]
    if way == "in_cluster":
        return fields | {way: True}
    content, folder = fields[way], None
    if way == "kube_config_path":
        path = Path(str(content)).expanduser()
        fields[way], content, folder = str(path), _read(conn_id, str(path)), path.parent.absolute()
    document = _document(conn_id, way, content, fields)
    if completed := with_user(document, fields.get("cluster_context"), folder):
        del fields[way]
        fields["kube_config"] = json.dumps(completed, default=str)
    return fields


def _cleaned(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something, by their names of today; hooks don't agree on what empty ones mean."""
    said = {
        name: value
        for name, value in given.items()
        if (value.strip() if isinstance(value, str) else value)
        and not (name.removeprefix(_PREFIX) == "in_cluster" and str(value).strip().lower() in _NO)
    }
    old = {name.removeprefix(_PREFIX): value for name, value in said.items() if name.startswith(_PREFIX)}
    return old | {name: value for name, value in said.items() if not name.startswith(_PREFIX)}


def _reason(fields: Mapping[str, Any]) -> str:
    if any(fields.get(name) for name in (*REQUIRED, "security_token")):
        return f"its fields are those of an ACK cluster: set its connection type to {CONN_TYPE}"
    near = unknown_field({name: value for name, value in fields.items() if name not in _OTHERS}, _WAYS)
    if "meant?" in near:
        return f"it has no kube_config, and {near}"
    return f"it has no kube_config; {_REMEDY}"


def _read(conn_id: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise KubeconfigError(
            f"kube_config_path of connection {conn_id} can't be read: {path}: {reason}; "
            "the file has to be where tasks and triggers run"
        ) from None


def _document(conn_id: str, field: str, value: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Look whether it is a kubeconfig with the context that is to be used; its content is never told."""
    what = f"{field} of connection {conn_id}"
    document = _parsed(value) if isinstance(value, str) else value
    if not isinstance(document, dict) or not document:
        raise KubeconfigError(f"{what} is no kubeconfig: neither JSON nor YAML with its fields; {_REMEDY}")
    for part in ("clusters", "contexts"):
        if not isinstance(document.get(part), list):
            raise KubeconfigError(
                f"{what} is no kubeconfig: it has no list of {part}; "
                "write one with `kubectl config view --raw --minify --flatten -o json`"
            )
    chosen = fields.get("cluster_context") or document.get("current-context")
    contexts = [one.get("name") for one in document["contexts"] if isinstance(one, dict)]
    if chosen not in contexts:
        known = ", ".join(str(name) for name in contexts) or "none"
        said = f"has no context {chosen}" if chosen else "has no current-context"
        raise KubeconfigError(
            f"{what} {said}; set cluster_context to one of its contexts ({known}), or mend the kubeconfig"
        )
    return document


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe one
    except yaml.YAMLError:
        return None


def _field(fields: Mapping[str, Any], name: str) -> Any:
    """A field by its name, or as Airflow's older forms stored it."""
    return fields.get(name) or fields.get(_PREFIX + name) or None
