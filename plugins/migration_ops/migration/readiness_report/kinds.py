"""Whether the target serves what would be applied there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from migration_ops.cluster import Capture, Discovery, Manifest, ObjectReference
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding

CHECK = "api-kinds"
_SHOWN = 5


def check_kinds(objects: Sequence[Manifest], target: Discovery) -> list[ReadinessFinding]:
    """Find adapted objects whose exact version the target doesn't serve.

    A kind whose definition is among the objects will be served by then.

    :param objects: the adapted objects.
    :param target: what the target serves.
    """
    coming = {
        (item["spec"]["group"], version["name"], item["spec"]["names"]["kind"])
        for item in objects
        if item["kind"] == "CustomResourceDefinition"
        for version in (item.get("spec") or {}).get("versions") or []
        if version.get("served")
    }
    missing: dict[str, list[str]] = defaultdict(list)
    for item in objects:
        reference = ObjectReference.of(item)
        served = target.for_object(reference) is not None
        if not served and (reference.group, reference.version, reference.kind) not in coming:
            missing[f"{reference.api_version}/{reference.kind}"].append(
                f"{reference.namespace}/{reference.name}".lstrip("/")
            )
    findings = []
    for kind, names in sorted(missing.items()):
        group, version, name = (
            ObjectReference.parse(f"{kind}//x").identity[0],
            kind.split("/")[-2],
            kind.split("/")[-1],
        )
        others = [one.version for one in target.versions(group, name) if one.version != version]
        remedy = (
            f"the target serves {', '.join(others)}: convert with a rule"
            if others
            else "install its operator or definition in the target first, or leave the kind out of the plan"
        )
        some = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        findings.append(finding(CHECK, "blocker", kind, f"isn't served by the target: {some}", remedy))
    for group_version, reason in sorted(target.unavailable.items()):
        findings.append(
            finding(
                CHECK,
                "warning",
                group_version,
                f"the target can't answer for it now: {reason}",
                "mend the service behind this API; deleting namespaces hangs while it is away",
            )
        )
    return findings


def check_capture(capture: Capture) -> list[ReadinessFinding]:
    """Say what of the source could not be read, or isn't there: the restore would lack it.

    :param capture: the source as captured.
    """
    findings = [
        finding(
            CHECK,
            "warning",
            one.object,
            f"could not be read in the source: {one.reason}",
            "grant the right to list it, mend its API, or exclude the kind in select.resources",
        )
        for one in capture.unreadable
    ]
    findings += [
        finding(
            CHECK,
            "warning",
            f"namespace {name}",
            "is named by the plan and does not exist in the source",
            "correct its name in select.namespaces, or take it out",
        )
        for name in capture.absent_namespaces
    ]
    if not capture.objects:
        remedy = "check select.namespaces, label_selectors and resources"
        findings.append(finding(CHECK, "blocker", "source", "the plan's selection matches nothing", remedy))
    return findings
