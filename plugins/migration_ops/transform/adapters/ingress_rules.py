"""Rules and paths of Ingresses that a source's controller reads in its own way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import adapter

MATCH_MODE = "ingress.beta.kubernetes.io/url-match-mode"
PATH_TYPES = {"STARTS_WITH": "Prefix", "EQUAL_TO": "Exact", "REGEX": "Prefix"}
USE_REGEX = "alb.ingress.kubernetes.io/use-regex"
REWRITE_TARGET = "alb.ingress.kubernetes.io/rewrite-target"
NGINX = "nginx.ingress.kubernetes.io/"
PATH_PREFIXES = (
    "appgw.ingress.kubernetes.io/backend-path-prefix",
    "ingress.gcp.kubernetes.io/path-prefix-rewrite",
)
LISTEN_PORTS = "alb.ingress.kubernetes.io/listen-ports"
TKE_RULES = {"HTTP": "kubernetes.io/ingress.http-rules", "HTTPS": "kubernetes.io/ingress.https-rules"}
TKE_PORTS = {"HTTP": 80, "HTTPS": 443}

_PATTERN = re.compile(r"[*+?()\[\]{}^$|\\]")


def _paths(draft: Draft) -> Iterator[tuple[Parts, dict[str, Any]]]:
    for rule_index, rule in enumerate(items_at(draft.manifest, "spec", "rules")):
        for path_index, path in enumerate(items_at(rule, "http", "paths")):
            yield ("spec", "rules", rule_index, "http", "paths", path_index), path


@adapter("star-paths-to-prefix")
def star_paths_to_prefix(draft: Draft, _base: Parts, _context: Context) -> None:
    """Turn GKE's and Azure's paths that end in `/*` into prefixes.

    :param draft: the Ingress.
    :param _base: unused.
    :param _context: unused.
    """
    for place, path in list(_paths(draft)):
        text = str(path.get("path") or "")
        if text.endswith("/*"):
            draft.set((*place, "path"), text[:-1])
            draft.set((*place, "pathType"), "Prefix")
        elif not text and path.get("pathType") in {None, "ImplementationSpecific"}:
            draft.set((*place, "path"), "/")
            draft.set((*place, "pathType"), "Prefix")


@adapter("nginx-paths")
def nginx_paths(draft: Draft, _base: Parts, _context: Context) -> None:
    """Give paths of nginx the types that ALB reads alike.

    ALB takes a path of the type ImplementationSpecific literally, and reads expressions in Prefix only.

    :param draft: the Ingress, still with nginx's annotations.
    :param _base: unused.
    :param _context: unused.
    """
    annotations = mapping_at(draft.manifest, "metadata", "annotations")
    patterns = annotations.get(f"{NGINX}use-regex") == "true" or f"{NGINX}rewrite-target" in annotations
    for place, path in list(_paths(draft)):
        is_pattern = patterns and _PATTERN.search(str(path.get("path") or "")) is not None
        if path.get("pathType") != "Prefix" and (path.get("pathType") != "Exact" or is_pattern):
            draft.set((*place, "pathType"), "Prefix")


@adapter("path-prefix-to-rewrite")
def path_prefix_to_rewrite(draft: Draft, _base: Parts, _context: Context) -> None:
    """Replace the part of a path that was matched, as gateways do by a prefix, by a rewriting with a group.

    :param draft: the Ingress, whose paths are prefixes already.
    :param _base: unused.
    :param _context: unused.
    """
    annotations = mapping_at(draft.manifest, "metadata", "annotations")
    name = next((name for name in PATH_PREFIXES if name in annotations), None)
    if name is None:
        return
    prefix = str(annotations[name]).strip().rstrip("/")
    found = list(_paths(draft))
    bases = [str(path.get("path") or "/").rstrip("/") for _, path in found]
    draft.remove(("metadata", "annotations", name), prune=False)
    if any(path.get("pathType") != "Prefix" for _, path in found) or (all(bases) != any(bases)):
        draft.find(
            "decision",
            f"{name}: {prefix or '/'} replaces what each path matched; ALB has one rewriting for all "
            "paths of an Ingress, and these differ in form; nothing is rewritten",
            "split the Ingress: one for / alone, one for exact paths, one for prefixes",
            ("split the Ingress", "let the application serve the paths as they are"),
        )
        return
    tail, group = ("(/|$)(.*)", 2) if all(bases) else ("/(.*)", 1)
    for (place, _), base in zip(found, bases, strict=True):
        draft.set((*place, "path"), re.sub(r"([.+*?()\[\]{}^$|\\])", r"\\\1", base) + tail)
    draft.set(("metadata", "annotations", USE_REGEX), "true")
    draft.set(("metadata", "annotations", REWRITE_TARGET), f"{prefix}/${{{group}}}")


@adapter("cce-path-properties")
def cce_path_properties(draft: Draft, _base: Parts, _context: Context) -> None:
    """Turn CCE's path property into a path type; Kubernetes doesn't know the field.

    :param draft: the Ingress.
    :param _base: unused.
    :param _context: unused.
    """
    for place, path in list(_paths(draft)):
        if "property" not in path:
            continue
        mode = mapping_at(path, "property").get(MATCH_MODE)
        draft.remove((*place, "property"))
        if mode in PATH_TYPES and path.get("pathType") in {None, "ImplementationSpecific"}:
            draft.set((*place, "pathType"), PATH_TYPES[mode])
        if mode == "REGEX":
            draft.set(("metadata", "annotations", USE_REGEX), "true")


@adapter("tke-mixed-rules")
def tke_mixed_rules(draft: Draft, _base: Parts, _context: Context) -> None:
    """Read TKE's lists of HTTP and HTTPS rules: they say which listeners there are, and may hold more rules.

    :param draft: the Ingress, in the form of networking.k8s.io/v1.
    :param _base: unused.
    :param _context: unused.
    """
    by_protocol: dict[str, list[dict[str, Any]]] = {}
    for protocol, annotation in TKE_RULES.items():
        text = mapping_at(draft.manifest, "metadata", "annotations").get(annotation) or "null"
        try:
            entries = orjson.loads(text) or []
        except orjson.JSONDecodeError:
            draft.find(
                "warning",
                f"{annotation} isn't JSON, so its rules are lost",
                "write the rules into spec.rules",
            )
            continue
        by_protocol[protocol] = [entry for entry in entries if isinstance(entry, dict)]
    listeners = [{protocol: TKE_PORTS[protocol]} for protocol, entries in by_protocol.items() if entries]
    if listeners:
        draft.set(("metadata", "annotations", LISTEN_PORTS), orjson.dumps(listeners).decode())
    for entry in [entry for entries in by_protocol.values() for entry in entries]:
        _add_rule(draft, entry)
    keys = {
        protocol: sorted(f"{entry.get('host', '')}{entry.get('path', '/')}" for entry in entries)
        for protocol, entries in by_protocol.items()
    }
    if len(listeners) > 1 and keys["HTTP"] != keys["HTTPS"]:
        draft.find(
            "warning",
            "in the source some paths are served by HTTP or HTTPS only; an ALB Ingress serves all by both",
            "split the Ingress in two, each with its own alb.ingress.kubernetes.io/listen-ports",
        )


def _add_rule(draft: Draft, entry: dict[str, Any]) -> None:
    host, path = str(entry.get("host") or ""), str(entry.get("path") or "/")
    backend = mapping_at(entry, "backend")
    if not backend.get("serviceName"):
        return  # a redirect, which auto-rewrite stands for
    port = str(backend.get("servicePort", ""))
    written = {
        "path": path,
        "pathType": "ImplementationSpecific",
        "backend": {
            "service": {
                "name": backend["serviceName"],
                "port": {"number": int(port)} if port.isdigit() else {"name": port},
            }
        },
    }
    rules = items_at(draft.manifest, "spec", "rules")
    for index, rule in enumerate(rules):
        if str(rule.get("host") or "") == host:
            paths = items_at(rule, "http", "paths")
            if all(str(known.get("path") or "/") != path for known in paths):
                if paths:
                    draft.insert(("spec", "rules", index, "http", "paths", len(paths)), written)
                else:
                    draft.set(("spec", "rules", index, "http", "paths"), [written])
            return
    new: dict[str, Any] = {"http": {"paths": [written]}}
    if host:
        new = {"host": host, **new}
    if rules:
        draft.insert(("spec", "rules", len(rules)), new)
    else:
        draft.set(("spec", "rules"), [new])


@adapter("route-to-ingress")
def route_to_ingress(draft: Draft, _base: Parts, _context: Context) -> None:
    """Turn an OpenShift Route into an Ingress.

    :param draft: the Route; it becomes the Ingress.
    :param _base: unused.
    :param _context: unused.
    """
    spec = mapping_at(draft.manifest, "spec")
    port = mapping_at(spec, "port").get("targetPort")
    service: dict[str, Any] = {"name": mapping_at(spec, "to").get("name")}
    service["port"] = (
        {"name": port} if isinstance(port, str) else {"number": port if port is not None else 80}
    )
    path = {"path": spec.get("path") or "/", "pathType": "Prefix", "backend": {"service": service}}
    rule: dict[str, Any] = {"http": {"paths": [path]}}
    new: dict[str, Any] = {"rules": [rule]}
    if spec.get("host"):
        rule = {"host": spec["host"], **rule}
        new["rules"] = [rule]
    termination = mapping_at(spec, "tls").get("termination")
    if termination:
        new["tls"] = [{"hosts": [spec["host"]]}] if spec.get("host") else [{}]
        draft.find(
            "warning",
            f"the Route's TLS ends by {termination}"
            + ("; its certificate is in the Route" if mapping_at(spec, "tls").get("certificate") else ""),
            "put certificate and key into a Secret of type kubernetes.io/tls and name it under spec.tls",
        )
    if items_at(spec, "alternateBackends"):
        draft.find(
            "warning", "the Route splits traffic between Services", "use canary Ingresses in the target"
        )
    if port is None:
        draft.find("warning", "the Route names no port, so the Ingress uses 80", "check the Service's port")
    draft.set(("apiVersion",), "networking.k8s.io/v1")
    draft.set(("kind",), "Ingress")
    draft.set(("spec",), new)
    draft.remove(("status",))
