"""What a transformation says beside the manifests: changes and findings, each explained by its rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from migration_ops.transform.objects import Manifest
from migration_ops.transform.withheld import shown_change

Severity = Literal["blocker", "decision", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("blocker", "decision", "warning", "info")


@dataclass(frozen=True, slots=True)
class Change:
    """One place in one object that a rule changed.

    :param object: the object's reference as the source knows it.
    :param path: JSON pointer to what changed.
    :param rule: `rule set/rule`.
    :param before: what was there; None if nothing was.
    :param after: what is there now; None if it was removed.
    :param secret: what stands beside it, such as a variable's name, says that it is secret.
    """

    object: str
    path: str
    rule: str
    before: Any
    after: Any
    secret: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Write the change as the report does: contents of Secrets and passwords are withheld."""
        kind = self.object.split("/")[-3] if self.object.count("/") > 2 else ""  # the group may hold a slash
        before, after = shown_change(kind, self.path, self.before, self.after, secret=self.secret)
        return {
            "object": self.object,
            "path": self.path,
            "rule": self.rule,
            "from": before,
            "to": after,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know or decide.

    :param object: the object's reference as the source knows it.
    :param severity: `blocker` (must be solved before), `decision` (choose one), `warning` or `info`.
    :param rule: `rule set/rule`.
    :param message: what was found.
    :param suggestion: what to do about it.
    :param choices: for a decision: what can be chosen.
    """

    object: str
    severity: Severity
    rule: str
    message: str
    suggestion: str = ""
    choices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Write the finding as the report does."""
        written: dict[str, Any] = {
            "object": self.object,
            "severity": self.severity,
            "rule": self.rule,
            "message": self.message,
            "suggestion": self.suggestion,
        }
        if self.choices:
            written["choices"] = list(self.choices)
        return written


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings, the most severe first.

    :param findings: in the order in which they were made.
    """
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


@dataclass(frozen=True, slots=True)
class Dropped:
    """An object that doesn't go to the target.

    :param object: its reference.
    :param rule: `rule set/rule`.
    :param reason: why.
    """

    object: str
    rule: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Write it as the report does."""
        return {"object": self.object, "rule": self.rule, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """An image that must be in the target's registry before its pods start there.

    :param source: its name in the source, written out in full.
    :param target: its name in the target.
    :param objects: references of the objects that use it.
    """

    source: str
    target: str
    objects: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Write it as the report does."""
        return {"source": self.source, "target": self.target, "objects": list(self.objects)}


@dataclass(frozen=True, slots=True)
class TransformResult:
    """The outcome of a transformation.

    :param objects: the adapted manifests, in the order in which they should be applied.
    :param changes: what was changed, by which rule.
    :param findings: what a person should know, the most severe first.
    :param dropped: what doesn't go to the target.
    :param image_copies: images to copy between registries.
    """

    objects: list[Manifest]
    changes: list[Change]
    findings: list[Finding]
    dropped: list[Dropped]
    image_copies: list[ImageCopy] = field(default_factory=list)

    @property
    def blockers(self) -> list[Finding]:
        """The findings that must be solved before anything is applied."""
        return [finding for finding in self.findings if finding.severity == "blocker"]

    def report(self) -> dict[str, Any]:
        """Give the report as plain data (the shape is in docs/reference/rules.md)."""
        return {
            "objects": len(self.objects),
            "changed": len({change.object for change in self.changes}),
            "dropped": len(self.dropped),
            "changes": [change.as_dict() for change in self.changes],
            "findings": [finding.as_dict() for finding in self.findings],
            "dropped_objects": [dropped.as_dict() for dropped in self.dropped],
            "images": [image.as_dict() for image in self.image_copies],
        }
