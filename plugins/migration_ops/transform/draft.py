"""A manifest that is being adapted: every edit goes through here and is recorded with its rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from migration_ops.transform.errors import RuleExecutionError
from migration_ops.transform.objects import Manifest, Parts, pointer, reference, value_at
from migration_ops.transform.results import Change, Dropped, Finding, Severity
from migration_ops.transform.secret_texts import without_credentials
from migration_ops.transform.withheld import looks_secret

ABSENT = object()


class Draft:
    """One object's copy, with what was done to it.

    :param manifest: a copy that belongs to the draft.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.reference = reference(manifest)
        self.uid = str(manifest["metadata"].get("uid") or "")
        self.rule = ""
        self.changes: list[Change] = []
        self.findings: list[Finding] = []
        self.dropped: Dropped | None = None
        self.created: list[tuple[str, Manifest]] = []
        self._before: tuple[str, Manifest] | None = None
        self.images: list[tuple[str, str]] = []

    def before_rule_set(self, name: str) -> Manifest:
        """Give the object as it was when the first rule of a set asked for it.

        :param name: the rule set's name.
        """
        if self._before is None or self._before[0] != name:
            self._before = (name, orjson.loads(orjson.dumps(self.manifest)))
        return self._before[1]

    def get(self, parts: Parts) -> Any:
        """Give the value at a place, or None.

        :param parts: the place.
        """
        return value_at(self.manifest, parts)

    def set(self, parts: Parts, value: Any) -> bool:
        """Put a value at a place, with the mappings above it; say whether that changed anything.

        :param parts: the place.
        :param value: any JSON value; it must not be shared with another object.
        :raises RuleExecutionError: when something above the place is no mapping, or a list is too short.
        """
        before = value_at(self.manifest, parts)
        if before == value and type(before) is type(value) and (value is not None or self._is_there(parts)):
            return False
        if not parts:
            changes = list(differences(self.manifest, value))
            self.manifest.clear()
            self.manifest.update(value)
            for place, old, new in changes:
                self._record(place, old, new)
            return bool(changes)
        container: Any = self.manifest
        for depth, part in enumerate(parts[:-1]):
            if isinstance(container, dict) and isinstance(part, str):
                if container.get(part) is None:
                    container[part] = {}
                container = container[part]
            elif isinstance(container, list) and isinstance(part, int) and part < len(container):
                container = container[part]
            else:
                raise self._no_place(parts[: depth + 1])
        last = parts[-1]
        if isinstance(container, dict) and isinstance(last, str):
            container[last] = value
        elif isinstance(container, list) and isinstance(last, int) and last <= len(container):
            container[last : last + 1] = [value]
        else:
            raise self._no_place(parts)
        self._record(parts, before, value)
        return True

    def remove(self, parts: Parts, *, prune: bool = True) -> bool:
        """Take away what is at a place; say whether there was something.

        :param parts: the place.
        :param prune: also take away labels and annotations that became empty by it.
        """
        container = value_at(self.manifest, parts[:-1])
        last = parts[-1]
        if isinstance(container, dict):
            if last not in container:
                return False
            before = container.pop(last)
        elif isinstance(container, list) and isinstance(last, int) and last < len(container):
            before = container.pop(last)
        else:
            return False
        if before is not None:
            self._record(parts, before, None)
        if prune and not container and len(parts) > 1 and parts[-2] in {"annotations", "labels"}:
            above = value_at(self.manifest, parts[:-2])
            if isinstance(above, dict):
                above.pop(parts[-2], None)
        return True

    def restore(self, parts: Parts, value: Any) -> str:
        """Put back what rules took away, as if they had not; return the last one's name.

        :param parts: the place.
        :param value: what was there.
        """
        path = pointer(parts)
        removed_by = [change.rule for change in self.changes if change.path == path]
        self.set(parts, value)
        if removed_by:
            self.changes = [change for change in self.changes if change.path != path]
        return removed_by[-1] if removed_by else ""

    def insert(self, parts: Parts, value: Any) -> None:
        """Insert a value into a list before an index.

        :param parts: the place; its last part is the index.
        :param value: what to insert.
        :raises RuleExecutionError: when there is no such list.
        """
        container, last = value_at(self.manifest, parts[:-1]), parts[-1]
        if not isinstance(container, list) or not isinstance(last, int) or last > len(container):
            raise self._no_place(parts)
        container.insert(last, value)
        self._record(parts, None, value)

    def find(
        self, severity: Severity, message: str, suggestion: str = "", choices: tuple[str, ...] = ()
    ) -> None:
        """Record a finding of the running rule, without credentials; the same one is recorded once.

        :param severity: how bad it is.
        :param message: what was found.
        :param suggestion: what to do.
        :param choices: for decisions.
        """
        texts = without_credentials(message), without_credentials(suggestion)
        finding = Finding(self.reference, severity, self.rule, *texts, choices)
        if finding not in self.findings:
            self.findings.append(finding)

    def drop(self, reason: str) -> None:
        """Leave the object out.

        :param reason: why, for the report.
        """
        self.dropped = Dropped(self.reference, self.rule, reason)

    def create(self, manifest: Manifest) -> None:
        """Add another object to the result, unless it is there already.

        :param manifest: the new object.
        """
        self.created.append((self.rule, manifest))

    def _record(self, parts: Parts, before: Any, after: Any) -> None:
        if isinstance(after, dict | list):
            after = orjson.loads(orjson.dumps(after))  # a later rule may change it in place
        secret = parts[-1:] == ("value",) and looks_secret(value_at(self.manifest, (*parts[:-1], "name")))
        self.changes.append(Change(self.reference, pointer(parts), self.rule, before, after, secret))

    def _is_there(self, parts: Parts) -> bool:
        container = value_at(self.manifest, parts[:-1]) if parts else None
        return isinstance(container, dict) and parts[-1] in container

    def _no_place(self, parts: Parts) -> RuleExecutionError:
        return RuleExecutionError(
            f"rule {self.rule}: {self.reference} has no place {pointer(parts)}; "
            "give the rule a condition that holds only where the place exists"
        )


def differences(before: Any, after: Any, parts: Parts = ()) -> Iterator[tuple[Parts, Any, Any]]:
    """Give the places where two values differ, as deep as both are mappings or lists of one length.

    :param before: the former value.
    :param after: the new value.
    :param parts: where they are.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), (*parts, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, (*parts, index))
    elif before != after or type(before) is not type(after):
        yield parts, before, after
