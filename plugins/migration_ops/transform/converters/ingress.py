"""Ingress: extensions/v1beta1 and networking.k8s.io/v1beta1 to networking.k8s.io/v1.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#ingress-v122
"""

from __future__ import annotations

from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import CannotConvertError
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import converter


@converter("ingress")
def convert_ingress(draft: Draft, to: str, _context: Context) -> None:
    """Rename the backends' fields and write out the old path type.

    :param draft: the Ingress.
    :param to: the new version.
    :param _context: unused.
    :raises CannotConvertError: when it is to go back to a beta version, or a backend names no service.
    """
    if draft.manifest["apiVersion"] == "networking.k8s.io/v1":
        raise CannotConvertError(
            "this direction isn't supported", f"serve networking.k8s.io/v1 in the target, not {to}"
        )
    if to != "networking.k8s.io/v1":
        return  # the two betas have one shape
    if (backend := mapping_at(draft.manifest, "spec", "backend")) and "defaultBackend" not in draft.manifest[
        "spec"
    ]:
        draft.remove(("spec", "backend"))
        draft.set(("spec", "defaultBackend"), _backend(backend))
    for rule_index, rule in enumerate(items_at(draft.manifest, "spec", "rules")):
        for path_index, path in enumerate(items_at(rule, "http", "paths")):
            place: Parts = ("spec", "rules", rule_index, "http", "paths", path_index)
            if not path.get("pathType"):
                draft.set((*place, "pathType"), "ImplementationSpecific")
            backend = mapping_at(path, "backend")
            if "serviceName" in backend or "servicePort" in backend:
                draft.set((*place, "backend"), _backend(backend))


def _backend(old: dict[str, Any]) -> dict[str, Any]:
    if "servicePort" in old and not isinstance(old.get("serviceName"), str):
        raise CannotConvertError("a backend has a port and no service", "name the service in the backend")
    new = {key: value for key, value in old.items() if key not in {"serviceName", "servicePort"}}
    if "serviceName" in old:
        service: dict[str, Any] = {"name": old["serviceName"]}
        port = old.get("servicePort")
        if isinstance(port, str) and not port.isdigit():
            service["port"] = {"name": port}
        elif port is not None:
            service["port"] = {"number": int(port)}
        new["service"] = service
    return new
