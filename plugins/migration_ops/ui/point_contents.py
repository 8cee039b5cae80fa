"""What a restore point holds: its objects and claims, what was left out, and what the rules made of it.

A point never changes, so what was read of it stays on the shelf until there is no room. Objects are listed
from the capture's own table of contents: no object is opened for it, and Secrets never are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import orjson

from migration_ops.cluster import ObjectReference
from migration_ops.migration.report_page.model import FindingLine
from migration_ops.migration.restore_point import POINT_FILE, RestorePoint
from migration_ops.ui.plan_state import Record
from migration_ops.vault import read_file

if TYPE_CHECKING:
    from migration_ops.vault import Repository

_CAPTURE_FILE, _REPORT_FILE = "capture.json", "report.json"
_CLUSTER_SCOPE = "_cluster"


class Identity(NamedTuple):
    """An object, in whatever version it was read."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, line: ObjectLine) -> Identity:
        """Of an object in a list."""
        return cls(line.group, line.kind, line.namespace, line.name)

    @classmethod
    def parse(cls, reference: str) -> Identity:
        """Of a reference in a report."""
        try:
            return cls(*ObjectReference.parse(reference).identity)
        except ValueError:
            return cls("", "", "", reference)


class ObjectLine(Record):
    """A captured object.

    :param key: names it within its restore point: `GROUP/KIND/NAMESPACE/NAME`.
    :param reason: why it is part of the point.
    :param changes: number of places that the rules changed; none if they weren't run.
    :param dropped: why it doesn't go to the target.
    """

    key: str
    group: str
    kind: str
    namespace: str
    name: str
    reason: str
    changes: int | None = None
    dropped: str = ""


class ClaimLine(Record):
    """A claim of a restore point.

    :param consistency: `live` while the application wrote, `quiesced` when nothing did.
    """

    namespace: str
    claim: str
    storage_class: str
    capacity: str
    volume_mode: str
    bytes: int
    files: int
    added_bytes: int
    seconds: float
    consistency: str
    warnings: list[str]


class LeftOutLine(Record):
    """Something that was there and isn't part of the point, or doesn't go to the target."""

    object: str
    reason: str
    origin: str


@dataclass(frozen=True)
class Contents:
    """A restore point, opened."""

    record: RestorePoint
    objects: list[ObjectLine]
    left_out: list[LeftOutLine]

    @property
    def weight(self) -> int:
        """How much it takes on the shelf: about its number of lines."""
        return 10 + len(self.objects) + len(self.left_out) + len(self.record.volumes)

    def claims(self) -> list[ClaimLine]:
        """The volumes of the point."""
        names = ClaimLine.model_fields.keys()
        return [ClaimLine(**{name: getattr(one, name) for name in names}) for one in self.record.volumes]


@dataclass(frozen=True)
class Adaptation:
    """What the rules made of a restore point.

    :param changes: by object, as the rules' report has them.
    :param dropped: by object, why it doesn't go to the target.
    :param rules: number of changes by rule.
    """

    changes: dict[Identity, list[dict[str, Any]]]
    dropped: dict[Identity, str]
    dropped_lines: list[LeftOutLine]
    findings: list[FindingLine]
    rules: dict[str, int]

    @property
    def weight(self) -> int:
        """How much it takes on the shelf: about its number of changes."""
        return 10 + sum(len(one) for one in self.changes.values()) + len(self.dropped) + len(self.findings)


def read_contents(repository: Repository, snapshot: str) -> Contents:
    """Open a restore point.

    :param snapshot: of its resources.
    """
    said = orjson.loads(read_file(repository, snapshot, f"/{POINT_FILE}"))
    # There may be thousands, and their form is checked below: they are kept once, as lines.
    out = said.pop("left_out", None) or []
    record = RestorePoint.model_validate(said)
    capture = orjson.loads(read_file(repository, snapshot, f"/{_CAPTURE_FILE}"))
    objects = [_object_line(key, str(reason)) for key, reason in (capture.get("reasons") or {}).items()]
    left_out = [_left_out(one, "selection") for one in out]
    left_out += [_left_out(one, "could not be read") for one in capture.get("unreadable") or []]
    objects.sort(key=lambda one: (one.kind, one.namespace, one.name))
    return Contents(record.model_copy(update={"resources_snapshot": snapshot}), objects, left_out)


def _left_out(one: dict[str, Any], origin: str) -> LeftOutLine:
    return LeftOutLine.model_construct(object=str(one["object"]), reason=str(one["reason"]), origin=origin)


def _object_line(key: str, reason: str) -> ObjectLine:
    group, kind, namespace, name = (unquote(part) if "%" in part else part for part in key.split("/"))
    return ObjectLine.model_construct(  # all are texts: ten thousand of them needn't be checked again
        key=key,
        group="" if group == "core" else group,
        kind=kind,
        namespace="" if namespace == _CLUSTER_SCOPE else namespace,
        name=name,
        reason=reason,
    )


def read_adaptation(repository: Repository, snapshot: str) -> Adaptation:
    """Read what the rules said.

    :param snapshot: of the adapted objects.
    """
    report = orjson.loads(read_file(repository, snapshot, f"/{_REPORT_FILE}"))
    by_name: dict[str, list[dict[str, Any]]] = {}
    for change in report.get("changes") or []:
        by_name.setdefault(change["object"], []).append(change)
    changes = {Identity.parse(name): each for name, each in by_name.items()}
    dropped = report.get("dropped_objects") or []
    rules = Counter(change["rule"] for each in changes.values() for change in each)
    return Adaptation(
        changes=changes,
        dropped={Identity.parse(one["object"]): str(one["reason"]) for one in dropped},
        dropped_lines=[
            LeftOutLine(object=one["object"], reason=one["reason"], origin=f"rule {one['rule']}")
            for one in dropped
        ],
        findings=[
            FindingLine(
                severity=one["severity"],
                origin=one["rule"],
                object=one["object"],
                text=one["message"],
                suggestion=one.get("suggestion", ""),
            )
            for one in report.get("findings") or []
        ],
        rules=dict(rules.most_common()),
    )
