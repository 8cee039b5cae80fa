"""Findings of the rules, counted and shown the same way wherever people decide by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration_ops.migration.errors import BlockerError

if TYPE_CHECKING:
    from migration_ops.transform import Finding

SHOWN = 50


def count_by_severity(findings: Sequence[Finding]) -> dict[str, int]:
    """Number of findings by severity."""
    return dict(Counter(str(finding.severity) for finding in findings))


def finding_line(finding: Finding) -> str:
    """A finding in one line."""
    return _line(str(finding.severity), finding.object, finding.message, finding.suggestion)


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Findings in their order, those of all objects about which the same was found together."""
    from migration_ops.transform import Told, group_findings

    told = (Told(str(one.severity), one.object, one.message, one.suggestion) for one in findings)
    return [
        line
        for group in group_findings(told)
        for line in (_line(group.severity, group.where, group.text, group.rest), *group.others)
    ]


def raise_for_blockers(findings: Sequence[Finding]) -> None:
    """Stop if the rules found what people must solve first.

    :raises BlockerError: naming every blocker with its suggestion.
    """
    blockers = [finding_line(finding) for finding in findings if finding.severity == "blocker"]
    if blockers:
        raise BlockerError(
            "the rules found blockers; solve them in the source, the plan's rules or its selection:\n"
            + "\n".join(blockers)
        )


def _line(severity: str, where: str, message: str, suggestion: str) -> str:
    place = f"{where}: " if where else ""
    remedy = f" ({suggestion})" if suggestion else ""
    return f"{severity}: {place}{message}{remedy}"
