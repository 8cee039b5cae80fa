"""Label selectors: the text form of the API (`app in (web,api),tier!=db`) and the form in manifests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migration_ops.cluster.errors import SelectionError

_REQUIREMENT = re.compile(
    r"""\s*(?:
        (?P<absent>!)\s*(?P<absent_key>[\w./-]+)
      | (?P<key>[\w./-]+)\s*(?:
            (?P<operator>==|=|!=)\s*(?P<value>[\w.-]*)
          | \s(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
        )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that all must hold.

    :param requirements: (key, operator, values); operators as in manifests: In, NotIn, Exists, DoesNotExist.
    """

    requirements: tuple[tuple[str, str, frozenset[str]], ...]

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Read the API's text form.

        :param text: e.g. ``app in (web,api),!legacy``.
        :raises SelectionError: when it cannot be understood.
        """
        requirements: list[tuple[str, str, frozenset[str]]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _REQUIREMENT.match(text, position)
            if found is None:
                message = f"label selector {text!r} cannot be read at {text[position:]!r}"
                raise SelectionError(message)
            position = found.end()
            requirements.append(_requirement(found))
        if not requirements:
            message = "a label selector is empty; leave it out to choose everything"
            raise SelectionError(message)
        return cls(tuple(requirements))

    @classmethod
    def of_manifest(cls, selector: Mapping[str, Any] | None) -> LabelSelector | None:
        """Read a ``selector`` of a manifest (matchLabels, matchExpressions); ``None`` where there is none.

        :param selector: the field's value. An empty one selects everything.
        """
        if selector is None:
            return None
        requirements = [
            (key, "In", frozenset([str(value)])) for key, value in (selector.get("matchLabels") or {}).items()
        ]
        requirements += [
            (entry["key"], entry["operator"], frozenset(entry.get("values") or ()))
            for entry in selector.get("matchExpressions") or []
        ]
        return cls(tuple(requirements))

    @classmethod
    def of_map(cls, labels: Mapping[str, str]) -> LabelSelector:
        """Make a selector of plain key/value pairs, as Services have.

        :param labels: what must be there.
        """
        return cls(tuple((key, "In", frozenset([value])) for key, value in labels.items()))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is chosen.

        :param labels: the object's labels.
        """
        return all(_holds(requirement, labels) for requirement in self.requirements)


def matches_any(selectors: Sequence[LabelSelector], labels: Mapping[str, str]) -> bool:
    """Tell whether one of several selectors matches; no selector matches everything.

    :param selectors: OR-ed.
    :param labels: the object's labels.
    """
    return not selectors or any(selector.matches(labels) for selector in selectors)


def _requirement(found: re.Match[str]) -> tuple[str, str, frozenset[str]]:
    if found["absent"]:
        return found["absent_key"], "DoesNotExist", frozenset()
    if found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return found["key"], "In" if found["set"] == "in" else "NotIn", values
    if found["operator"]:
        return found["key"], "NotIn" if found["operator"] == "!=" else "In", frozenset([found["value"]])
    return found["key"], "Exists", frozenset()


def _holds(requirement: tuple[str, str, frozenset[str]], labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
