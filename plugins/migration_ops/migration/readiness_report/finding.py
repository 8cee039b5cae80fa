"""One thing that would go wrong, with what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from migration_ops.migration.errors import ReadinessError
from migration_ops.transform import FindingGroup, Told, group_findings

Severity = Literal["blocker", "decision", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class ReadinessFinding(BaseModel):
    """What a check found.

    :param check: the check's name, for example `capacity`.
    :param severity: `blocker` (the cutover would fail), `decision` (people must choose), `warning` or `info`.
    :param object: reference of the object, or what else is meant (`source`, `target`, an image).
    :param reason: what was found.
    :param suggestion: what to do about it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    severity: Severity
    object: str
    reason: str
    suggestion: str = ""

    def line(self) -> str:
        """The finding in one line, for logs and approvals."""
        return _line(self.severity, self.object, self.reason, self.suggestion)


def finding(
    check: str, severity: Severity, where: str, reason: str, suggestion: str = ""
) -> ReadinessFinding:
    """A finding, written in one line where it is made.

    :param where: see `ReadinessFinding.object`.
    """
    return ReadinessFinding(
        check=check, severity=severity, object=where, reason=reason, suggestion=suggestion
    )


class ReadinessReport(BaseModel):
    """Everything that the checks found, the worst first.

    :param checked: names of the checks that ran to their end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: list[ReadinessFinding] = []
    checked: list[str] = []

    @classmethod
    def of(cls, findings: Iterable[ReadinessFinding], checked: Iterable[str]) -> ReadinessReport:
        """Put findings in order; what two checks say alike is said once."""
        ordered = sorted(
            dict.fromkeys(findings), key=lambda one: (SEVERITIES.index(one.severity), one.check, one.object)
        )
        return cls(findings=ordered, checked=list(checked))

    @property
    def blockers(self) -> list[ReadinessFinding]:
        """What must be solved before the cutover."""
        return [one for one in self.findings if one.severity == "blocker"]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by severity."""
        counted = Counter(one.severity for one in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES if counted[severity]}

    def _head(self) -> str:
        head = ", ".join(f"{number} {severity}" for severity, number in self.counts.items())
        return f"{len(self.checked)} checks: {head or 'nothing found'}"

    def lines(self) -> list[str]:
        """The findings, the worst first, each with all objects that it is about: for logs."""
        lines = [self._head()]
        for one in _grouped(self.findings):
            lines += [_group_line(one), *one.others]
        return lines

    def short_lines(self) -> list[str]:
        """A line for each finding with the first objects that it is about, the worst first: for messages."""
        return [self._head(), *(_group_line(one) for one in _grouped(self.findings))]

    def markdown(self, shown: int = 50) -> str:
        """The report as a list for an approval's text.

        :param shown: at most so many findings; the rest is counted. `info` is never listed there. Of objects
            about which the same was found only the first ones are named.
        """
        listed = _grouped(one for one in self.findings if one.severity != "info")
        lines = [f"- {_group_line(one)}" for one in listed[:shown]]
        if len(listed) > shown:
            lines.append(f"- and {len(listed) - shown} more, in the task's log")
        if any(one.others for one in listed[:shown]):
            lines.append("- the task's log names all objects")
        return "\n".join([self._head(), "", *lines])

    def raise_for_blockers(self) -> None:
        """Stop before anybody is asked.

        :raises ReadinessError: naming every blocker with its remedy.
        """
        if self.blockers:
            raise ReadinessError(
                f"{len(self.blockers)} blockers stand against the cutover:\n"
                + "\n".join(one.line() for one in self.blockers)
            )


def _grouped(findings: Iterable[ReadinessFinding]) -> list[FindingGroup]:
    return list(
        group_findings(Told(one.severity, one.object, one.reason, one.suggestion) for one in findings)
    )


def _group_line(group: FindingGroup) -> str:
    return _line(group.severity, group.where, group.text, group.rest)


def _line(severity: str, where: str, reason: str, suggestion: str) -> str:
    remedy = f" ({suggestion})" if suggestion else ""
    return f"{severity}: {where}: {reason}{remedy}"
