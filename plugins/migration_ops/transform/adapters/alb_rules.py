"""Actions and conditions of ALB Ingresses, which EKS and ACK call alike and write differently.

The source's form: kubernetes-sigs/aws-load-balancer-controller, pkg/ingress/config_types.go. The target's:
alibaba/alibaba-load-balancer-controller, pkg/model/alb/configcache/config_types.go, and ACK's guide to custom
forwarding rules. ACK's controller fails on the source's JSON, and with it every Ingress of the load balancer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, group_of, items_at, mapping_at, value_at
from migration_ops.transform.registry import adapter
from migration_ops.transform.templates import parsed_json

PREFIX = "alb.ingress.kubernetes.io/"
ACTIONS, CONDITIONS = f"{PREFIX}actions.", f"{PREFIX}conditions."
USE_ANNOTATION = "use-annotation"
METHODS = frozenset({"HEAD", "GET", "POST", "OPTIONS", "PATCH", "PUT", "DELETE"})
MOST_WEIGHT = 100
MOST_CONDITIONS = 10
CHOICES = ("write it in ACK's form", "do it in the application", "go without it")


class _NoCounterpartError(ValueError):
    """Says what has no counterpart."""


@adapter("translate-alb-rules")
def translate_alb_rules(draft: Draft, _base: Parts, context: Context) -> None:
    """Write custom actions and conditions of an EKS Ingress as ACK's controller reads them.

    :param draft: the Ingress.
    :param _base: unused.
    :param context: knows the Services, by whose port names actions may forward.
    """
    custom = {name for _, name, port in _backends(draft) if port == USE_ANNOTATION}
    _report_default(draft)
    for key, text in list(mapping_at(draft.manifest, "metadata", "annotations").items()):
        place: Parts = ("metadata", "annotations", key)
        if key.startswith(ACTIONS):
            _translate_action(draft, place, str(text), custom, context)
        elif key.startswith(CONDITIONS):
            _translate(draft, place, str(text), _conditions)


def _report_default(draft: Draft) -> None:
    """Tell of a default backend that is an action: ACK's controller wants a Service there."""
    for field in ("defaultBackend", "backend"):
        name, port = _named(mapping_at(draft.manifest, "spec", field))
        if port == USE_ANNOTATION:
            draft.find(
                "decision",
                f"the default backend is the action {name}; ACK's ALB has custom actions for paths only",
                "give the Ingress a path / for it, last in order, and a Service as default backend",
                ("a path for the action", "another default backend"),
            )


def _translate_action(draft: Draft, place: Parts, text: str, custom: set[str], context: Context) -> None:
    name = str(place[-1]).removeprefix(ACTIONS)
    if name not in custom:
        draft.remove(place)
        draft.find(
            "info", f"{place[-1]} is dropped: no path has the backend {name} with port {USE_ANNOTATION}"
        )
        return
    if _redirects_to_https(_lowered(parsed_json(text))) and _drop_paths(draft, name):
        draft.remove(place)
        draft.set(("metadata", "annotations", f"{PREFIX}ssl-redirect"), "true")
        return
    namespace = draft.manifest["metadata"].get("namespace", "")
    _translate(draft, place, text, lambda value: [_action(draft, value, namespace, context)])
    if draft.get(place) is None:
        closed = {"contentType": "text/plain", "httpCode": "503", "content": "503"}
        _write(draft, place, [{"type": "FixedResponse", "FixedResponseConfig": closed}])


def _translate(draft: Draft, place: Parts, text: str, translated: Callable[[Any], list[Any]]) -> None:
    try:
        result = translated(_lowered(parsed_json(text)))
    except _NoCounterpartError as reason:
        what = "answers 503 until then" if str(place[-1]).startswith(ACTIONS) else "is dropped: more may pass"
        draft.remove(place)
        draft.find(
            "decision", f"{place[-1]}: {text.strip()} can't be translated ({reason}); it {what}",
            "write it as ACK's guide to custom forwarding rules of ALB Ingresses says", CHOICES,
        )  # fmt: skip
        return
    _write(draft, place, result)


def _write(draft: Draft, place: Parts, value: list[Any]) -> None:
    draft.set(place, orjson.dumps(value).decode())


def _backends(draft: Draft) -> Iterator[tuple[Parts, str, Any]]:
    """Give the place, Service and port name of each path."""
    for number, rule in enumerate(items_at(draft.manifest, "spec", "rules")):
        for index, path in enumerate(items_at(rule, "http", "paths")):
            yield ("spec", "rules", number, "http", "paths", index), *_named(mapping_at(path, "backend"))


def _named(backend: dict[str, Any]) -> tuple[str, Any]:
    """Give a backend's Service and port name, in either version's form."""
    name = value_at(backend, ("service", "name")) or backend.get("serviceName")
    port = value_at(backend, ("service", "port", "name")) or backend.get("servicePort")
    return str(name), port


def _drop_paths(draft: Draft, name: str) -> bool:
    """Take away the paths to an action, if each rule keeps another path; say whether that was done."""
    found = [place for place, backend, port in _backends(draft) if (backend, port) == (name, USE_ANNOTATION)]
    kept = {
        place[:3] for place, backend, port in _backends(draft) if (backend, port) != (name, USE_ANNOTATION)
    }
    if not all(place[:3] in kept for place in found):
        return False
    for place in reversed(found):
        draft.remove(place)
    return True


def _redirects_to_https(action: Any) -> bool:
    """Whether an action sends clients to the same address by HTTPS; the source skips it on HTTPS itself."""
    redirect = mapping_at(action, "redirectconfig")
    same = {"host": "#{host}", "path": "/#{path}", "query": "#{query}"}
    return (
        value_at(action, ("type",)) == "redirect"
        and str(redirect.get("protocol", "")).upper() == "HTTPS"
        and str(redirect.get("port", "443")) == "443"
        and all(redirect.get(part, default) == default for part, default in same.items())
    )


def _action(draft: Draft, action: Any, namespace: str, context: Context) -> dict[str, Any]:
    kind = value_at(action, ("type",))
    if kind == "fixed-response":
        return {
            "type": "FixedResponse",
            "FixedResponseConfig": _fixed(mapping_at(action, "fixedresponseconfig")),
        }
    if kind == "redirect":
        return {"type": "Redirect", "RedirectConfig": _redirect(mapping_at(action, "redirectconfig"))}
    if kind == "forward" and "forwardconfig" in action:
        forward = mapping_at(action, "forwardconfig")
        if mapping_at(forward, "targetgroupstickinessconfig").get("enabled"):
            draft.find(
                "warning",
                "clients stay with one of several target groups in the source; ACK doesn't read that here",
                f"use {PREFIX}sticky-session if clients must stay with one pod",
            )
        return {
            "type": "ForwardGroup",
            "ForwardConfig": {"ServerGroups": _groups(forward, namespace, context)},
        }
    raise _NoCounterpartError(
        "it forwards to a target group outside of the cluster" if kind == "forward" else "its type"
    )


def _fixed(config: dict[str, Any]) -> dict[str, str]:
    code = str(config.get("statuscode", ""))
    if not (code.isascii() and code.isdigit()) or code[0] not in "245":
        raise _NoCounterpartError(f"status {code!r}: ALB answers 2xx, 4xx and 5xx")
    body = str(config.get("messagebody") or code)  # ALB wants some content
    return {"contentType": str(config.get("contenttype") or "text/plain"), "httpCode": code, "content": body}


def _redirect(config: dict[str, Any]) -> dict[str, str]:
    """Write all fields: what is left out becomes empty, not what it was."""
    code = str(config.get("statuscode", "")).removeprefix("HTTP_")
    if code not in {"301", "302", "303", "307", "308"}:
        raise _NoCounterpartError(f"status {code!r} of a redirection")
    defaults = {
        "host": "#{host}",
        "path": "/#{path}",
        "port": "#{port}",
        "protocol": "#{protocol}",
        "query": "#{query}",
    }
    written = {field: str(config.get(field) or default) for field, default in defaults.items()}
    shown = {
        field: text.replace("/#{path}", "${path}").replace("#{", "${") for field, text in written.items()
    }
    return shown | {"httpCode": code}


def _groups(forward: dict[str, Any], namespace: str, context: Context) -> list[dict[str, Any]]:
    groups = items_at(forward, "targetgroups")
    weights = [int(group.get("weight") or 0) if len(groups) > 1 else MOST_WEIGHT for group in groups]
    most = max(weights, default=0)
    if most <= 0:
        raise _NoCounterpartError("no target group has a weight")
    scale = MOST_WEIGHT / most if most > MOST_WEIGHT else 1
    written = []
    for group, weight in zip(groups, weights, strict=True):
        if weight <= 0:
            continue  # gets nothing; ALB's weights begin at 1
        name = group.get("servicename")
        if not name:
            raise _NoCounterpartError("it forwards to a target group outside of the cluster")
        port = _port(str(name), group.get("serviceport"), namespace, context)
        written.append({"ServiceName": name, "ServicePort": port, "Weight": max(1, round(weight * scale))})
    return written


def _port(service: str, port: Any, namespace: str, context: Context) -> int:
    if isinstance(port, int) or (isinstance(port, str) and port.isascii() and port.isdigit()):
        return int(port)
    for item in context.objects:
        metadata = item["metadata"]
        here = (metadata.get("namespace", ""), metadata["name"]) == (namespace, service)
        if here and item["kind"] == "Service" and group_of(item["apiVersion"]) == "":
            for one in items_at(item, "spec", "ports"):
                if one.get("name") == port and isinstance(one.get("port"), int):
                    return int(one["port"])
    raise _NoCounterpartError(
        f"ALB wants the number of port {port} of Service {service}, which isn't among the objects"
    )


def _conditions(conditions: Any) -> list[dict[str, Any]]:
    if not isinstance(conditions, list) or not conditions or len(conditions) > MOST_CONDITIONS:
        raise _NoCounterpartError(f"ALB takes one to {MOST_CONDITIONS} conditions")
    written = [_condition(one) for one in conditions]
    for kind in ("SourceIp", "Method"):
        if sum(one["type"] == kind for one in written) > 1:
            raise _NoCounterpartError(f"ALB lets pass what meets one of several {kind} conditions")
    return written


def _condition(condition: Any) -> dict[str, Any]:
    field = value_at(condition, ("field",))
    if field == "http-header":
        config = mapping_at(condition, "httpheaderconfig")
        return {
            "type": "Header",
            "headerConfig": {"key": str(config.get("httpheadername")), "values": _values(config)},
        }
    if field == "query-string":
        pairs = items_at(condition, "querystringconfig", "values")
        if not pairs or not all(pair.get("key") and pair.get("value") for pair in pairs):
            raise _NoCounterpartError("ALB wants a key for each value of a query")
        values = [{"key": str(pair["key"]), "value": str(pair["value"])} for pair in pairs]
        return {"type": "QueryString", "queryStringConfig": {"values": values}}
    if field == "http-request-method":
        methods = _values(mapping_at(condition, "httprequestmethodconfig"))
        if not METHODS.issuperset(methods):
            raise _NoCounterpartError(f"ALB knows the methods {', '.join(sorted(METHODS))}")
        return {"type": "Method", "methodConfig": {"values": methods}}
    if field == "path-pattern":
        config = mapping_at(condition, "pathpatternconfig")
        patterns = [f"~{text}" for text in config.get("regexvalues") or ()] or _values(config)
        return {"type": "Path", "pathConfig": {"values": patterns}}
    if field == "host-header":
        return {"type": "Host", "hostConfig": {"values": _values(mapping_at(condition, "hostheaderconfig"))}}
    if field == "source-ip":
        return {
            "type": "SourceIp",
            "sourceIpConfig": {"values": _values(mapping_at(condition, "sourceipconfig"))},
        }
    raise _NoCounterpartError(f"the field {field!r}")


def _values(config: dict[str, Any]) -> list[str]:
    values = config.get("values")
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise _NoCounterpartError("regular expressions" if config.get("regexvalues") else "it has no values")
    return values


def _lowered(value: Any) -> Any:
    """Write all keys in small letters: the source's controller reads them in any."""
    if isinstance(value, dict):
        return {str(key).lower(): _lowered(inner) for key, inner in value.items()}
    return [_lowered(inner) for inner in value] if isinstance(value, list) else value
