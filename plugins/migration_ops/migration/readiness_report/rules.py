"""What the rules found, in the report's own words."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.transform import TransformResult

CHECK = "rules"


def check_rules(adapted: TransformResult) -> list[ReadinessFinding]:
    """Take over the rules' findings, and name what doesn't go to the target.

    :param adapted: what the rules made of the source.
    """
    findings = [
        finding(
            CHECK,
            one.severity,
            one.object or "plan",
            f"{one.message} [{one.rule}]",
            _with_choices(one.suggestion, one.choices),
        )
        for one in adapted.findings
    ]
    findings += [
        finding(CHECK, "info", one.object, f"stays behind: {one.reason} [{one.rule}]")
        for one in adapted.dropped
    ]
    return findings


def check_image_copies(adapted: TransformResult) -> list[ReadinessFinding]:
    """List the images that must be in the target's registry by then.

    :param adapted: what the rules made of the source.
    """
    return [
        finding(
            "images",
            "info",
            one.target,
            f"must hold what {one.source} is; used by {len(one.objects)} objects",
            "copy it with all platforms and by digest, for example with skopeo copy --all",
        )
        for one in adapted.image_copies
    ]


def _with_choices(suggestion: str, choices: Sequence[str]) -> str:
    if not choices:
        return suggestion
    said = f"{suggestion.rstrip('.')}. " if suggestion else ""
    return f"{said}Choices: {', '.join(choices)}."
