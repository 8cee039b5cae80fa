"""Custom actions and conditions of an EKS Ingress: what has no counterpart is asked about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, transform

RULES = load_rule_sets(["eks-to-ack"])
PREFIX = "alb.ingress.kubernetes.io/"


def adapted(port: Any = "use-annotation", **annotations: Any) -> tuple[dict[str, str], TransformResult]:
    """Annotations of an Ingress with one path to `x`, and the result."""
    written = {
        PREFIX + key.replace("_", "."): value if isinstance(value, str) else json.dumps(value)
        for key, value in annotations.items()
    }
    service = {"name": "x", "port": {"name": port} if isinstance(port, str) else {"number": port}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop", "annotations": written},
        "spec": {
            "ingressClassName": "alb",
            "rules": [
                {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": service}}]}}
            ],
        },
    }
    result = transform([ingress], RULES, Parameters())
    (kept,) = (one for one in result.objects if one["kind"] == "Ingress")
    return kept["metadata"].get("annotations", {}), result


def decisions(result: TransformResult) -> list[str]:
    return [
        one.message for one in result.findings if one.severity == "decision" and "translated" in one.message
    ]


FORWARD = {"serviceName": "web", "servicePort": 80, "weight": 1}


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ({"type": "forward", "targetGroupName": "outside"}, "outside of the cluster"),
        (
            {"type": "forward", "forwardConfig": {"targetGroups": [{"targetGroupARN": "arn:x"}]}},
            "outside of the",
        ),
        (
            {"type": "forward", "forwardConfig": {"targetGroups": [FORWARD | {"servicePort": "http"}]}},
            "the number",
        ),
        ({"type": "forward", "forwardConfig": {"targetGroups": []}}, "no target group"),
        (
            {"type": "redirect", "redirectConfig": {"statusCode": "HTTP_399"}},
            "HTTP_399".removeprefix("HTTP_"),
        ),
        ({"type": "fixed-response", "fixedResponseConfig": {"statusCode": "302"}}, "302"),
        ({"type": "authenticate-oidc"}, "its type"),
        ("{not json", "its type"),
    ],
)
def test_an_action_without_a_counterpart_answers_503_and_is_asked_about(action: Any, reason: str) -> None:
    annotations, result = adapted(actions_x=action)

    (message,) = decisions(result)
    assert reason in message
    (written,) = json.loads(annotations[f"{PREFIX}actions.x"])
    assert (written["type"], written["FixedResponseConfig"]["httpCode"]) == ("FixedResponse", "503")


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ([{"field": "query-string", "queryStringConfig": {"values": [{"value": "a"}]}}], "a key"),
        (
            [{"field": "http-header", "httpHeaderConfig": {"httpHeaderName": "h", "regexValues": ["a"]}}],
            "regular",
        ),
        ([{"field": "http-request-method", "httpRequestMethodConfig": {"values": ["BREW"]}}], "methods"),
        ([{"field": "host-header", "hostHeaderConfig": {}}], "no values"),
        ([{"field": "moon"}], "moon"),
        ([], "one to 10"),
        ({"field": "host-header"}, "one to 10"),
    ],
)
def test_conditions_without_a_counterpart_are_asked_about(conditions: Any, reason: str) -> None:
    annotations, result = adapted(port=80, conditions_x=conditions)

    (message,) = decisions(result)
    assert reason in message
    assert f"{PREFIX}conditions.x" not in annotations


def test_a_redirection_writes_out_every_field() -> None:
    redirect = {"type": "redirect", "redirectConfig": {"path": "/new", "statusCode": "HTTP_301"}}

    annotations, _ = adapted(actions_x=redirect)

    (written,) = json.loads(annotations[f"{PREFIX}actions.x"])
    assert written["RedirectConfig"] == {
        "host": "${host}",
        "path": "/new",
        "port": "${port}",
        "protocol": "${protocol}",
        "query": "${query}",
        "httpCode": "301",
    }


def test_a_group_without_weight_gets_nothing_and_a_single_one_all() -> None:
    two = [FORWARD | {"weight": 3}, FORWARD | {"serviceName": "old", "weight": 0}]
    annotations, _ = adapted(actions_x={"type": "forward", "forwardConfig": {"targetGroups": two}})
    (written,) = json.loads(annotations[f"{PREFIX}actions.x"])
    assert written["ForwardConfig"]["ServerGroups"] == [
        {"ServiceName": "web", "ServicePort": 80, "Weight": 3}
    ]

    annotations, _ = adapted(actions_x={"type": "forward", "forwardConfig": {"targetGroups": [FORWARD]}})
    (written,) = json.loads(annotations[f"{PREFIX}actions.x"])
    assert written["ForwardConfig"]["ServerGroups"][0]["Weight"] == 100


def test_regular_expressions_of_paths_are_marked_as_such() -> None:
    conditions = [{"field": "path-pattern", "pathPatternConfig": {"regexValues": ["^/v[0-9]"]}}]

    annotations, _ = adapted(port=80, conditions_x=conditions)

    assert json.loads(annotations[f"{PREFIX}conditions.x"]) == [
        {"type": "Path", "pathConfig": {"values": ["~^/v[0-9]"]}}
    ]


def test_an_action_as_default_backend_is_asked_about() -> None:
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "ingressClassName": "alb",
            "defaultBackend": {"service": {"name": "sorry", "port": {"name": "use-annotation"}}},
        },
    }

    result = transform([ingress], RULES, Parameters())

    assert "the default backend is the action sorry" in " ".join(one.message for one in result.findings)


def test_a_second_run_changes_nothing() -> None:
    _, first = adapted(actions_x={"type": "forward", "forwardConfig": {"targetGroups": [FORWARD]}})

    second = transform(first.objects, RULES, Parameters())

    assert (second.objects, second.changes) == (first.objects, [])
