"""HorizontalPodAutoscaler between autoscaling/v2beta1, v2beta2, v2 and v1.

Source: the structs of k8s.io/api/autoscaling; https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from __future__ import annotations

from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import CannotConvertError
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import items_at
from migration_ops.transform.registry import converter

OLD_SHAPE = "autoscaling/v2beta1"
ONLY_CPU = "autoscaling/v1"


@converter("horizontal-pod-autoscaler")
def convert_autoscaler(draft: Draft, to: str, _context: Context) -> None:
    """Convert metrics and behaviour.

    :param draft: the autoscaler.
    :param to: the new version.
    :param _context: unused.
    :raises CannotConvertError: when the new version can't express its metrics.
    """
    current = draft.manifest["apiVersion"]
    if current == ONLY_CPU:
        _from_cpu_only(draft)
        current = "autoscaling/v2"
    if current == OLD_SHAPE and to != OLD_SHAPE:
        for index, metric in enumerate(items_at(draft.manifest, "spec", "metrics")):
            draft.set(("spec", "metrics", index), _new_metric(metric))
    if to == ONLY_CPU:
        _to_cpu_only(draft)
    elif to == OLD_SHAPE and current != OLD_SHAPE:
        raise CannotConvertError(
            "its metrics have no form there", "serve autoscaling/v2beta2 or newer in the target"
        )


def _new_metric(metric: dict[str, Any]) -> dict[str, Any]:
    kind = str(metric.get("type", ""))
    key = kind[:1].lower() + kind[1:]
    old = metric.get(key)
    if not isinstance(old, dict):
        raise CannotConvertError(f"its metric of type {kind or '(none)'} says nothing", "correct the metric")
    if key in {"resource", "containerResource"}:
        new = {"name": old.get("name"), "target": _target(old)}
        if "container" in old:
            new["container"] = old["container"]
    elif key == "pods":
        new = {"metric": _metric(old, "metricName", "selector"), "target": _target(old)}
    elif key == "object":
        new = {
            "describedObject": old.get("target"),
            "metric": _metric(old, "metricName", "selector"),
            "target": _object_target(old),
        }
    elif key == "external":
        new = {"metric": _metric(old, "metricName", "metricSelector"), "target": _target(old)}
    else:
        raise CannotConvertError(f"its metric is of the unknown type {kind}", "correct the metric")
    return {"type": kind, key: new}


def _metric(old: dict[str, Any], name: str, selector: str) -> dict[str, Any]:
    metric = {"name": old.get(name)}
    if old.get(selector) is not None:
        metric["selector"] = old[selector]
    return metric


def _target(old: dict[str, Any]) -> dict[str, Any]:
    if old.get("targetAverageUtilization") is not None:
        return {"type": "Utilization", "averageUtilization": old["targetAverageUtilization"]}
    if old.get("targetAverageValue") is not None:
        return {"type": "AverageValue", "averageValue": old["targetAverageValue"]}
    return {"type": "Value", "value": old.get("targetValue")}


def _object_target(old: dict[str, Any]) -> dict[str, Any]:
    if old.get("averageValue") is not None:
        return {"type": "AverageValue", "averageValue": old["averageValue"]}
    return {"type": "Value", "value": old.get("targetValue")}


def _from_cpu_only(draft: Draft) -> None:
    utilization = draft.get(("spec", "targetCPUUtilizationPercentage"))
    draft.remove(("spec", "targetCPUUtilizationPercentage"))
    if utilization is not None:
        target = {"type": "Utilization", "averageUtilization": utilization}
        draft.set(("spec", "metrics"), [{"type": "Resource", "resource": {"name": "cpu", "target": target}}])


def _to_cpu_only(draft: Draft) -> None:
    metrics = items_at(draft.manifest, "spec", "metrics")
    if draft.get(("spec", "behavior")):
        raise CannotConvertError(
            "autoscaling/v1 has no scaling behaviour", "serve autoscaling/v2 in the target"
        )
    utilization = None
    for metric in metrics:
        resource = metric.get("resource") or {}
        target = resource.get("target") or {}
        if resource.get("name") != "cpu" or target.get("type") != "Utilization" or len(metrics) > 1:
            raise CannotConvertError(
                "autoscaling/v1 only knows CPU utilization", "serve autoscaling/v2 in the target"
            )
        utilization = target.get("averageUtilization")
    draft.remove(("spec", "metrics"))
    if utilization is not None:
        draft.set(("spec", "targetCPUUtilizationPercentage"), utilization)
