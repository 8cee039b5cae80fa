"""What the accounts of source and target may do: one table, from which roles and checks are made.

``include/rbac/*.yaml`` are written from it (`migration_ops.cluster.account`), and `check_permissions` asks
for it. Tests hold it against the requests that the code makes, in both directions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.suspension import SUSPENSIONS

Side = Literal["source", "target"]

BUILT_IN = frozenset({"", "apps", "batch", "autoscaling", "networking.k8s.io", "rbac.authorization.k8s.io"})
"""Groups that every cluster serves; rights in others are not asked for, as their kinds may not exist."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A rule of a role, and what it is for.

    :param groups: API groups, empty for core, ``*`` for all.
    :param resources: plural names, with subresource as ``pods/exec``; ``*`` for all.
    :param verbs: what may be done.
    :param purpose: why, in a line.
    """

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    purpose: str

    def rule(self) -> dict[str, list[str]]:
        """Return the rule as a role writes it."""
        return {
            "apiGroups": list(self.groups),
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }


_READ = Grant(
    ("*",),
    ("*",),
    ("get", "list"),
    "a migration carries whatever is there, Secrets included: every kind is read",
)
_EXEC = Grant(
    ("",),
    ("pods/exec",),
    ("get", "create"),
    "hooks, probes, orders to movers (a server before 1.35 asks for get, a later one for create)",
)


def grants(side: Side) -> list[Grant]:
    """Return what an account needs.

    :param side: of which cluster.
    """
    return [_READ, *_source()] if side == "source" else _target()


def exact_reading(resources: Iterable[ApiResource]) -> list[Grant]:
    """Return the right to read the kinds that a cluster serves, each by its name.

    In Kubernetes ``*`` takes in subresources: whoever may get everything may also get ``pods/exec`` and
    ``nodes/proxy``. A role that names the kinds leaves those out, and has to be made anew for new kinds.

    :param resources: what is served.
    """
    by_group: dict[str, set[str]] = defaultdict(set)
    for one in resources:
        if {"get", "list"} & set(one.verbs) and "/" not in one.plural:
            by_group[one.group].add(one.plural)
    by_group[""].add("pods/log")
    return [
        Grant((group,), tuple(sorted(names)), ("get", "list"), "read what is there, Secrets included")
        for group, names in sorted(by_group.items())
    ]


def _quiesced() -> list[Grant]:
    by_group: dict[str, list[str]] = defaultdict(list)
    for group, kind in SUSPENSIONS:
        by_group[group].append(f"{kind.lower()}s")
    return [
        Grant((group,), tuple(sorted(names)), ("patch",), "quiesce and resume")
        for group, names in sorted(by_group.items())
    ]


def _source() -> list[Grant]:
    pods = "pods without a controller are written down in a Secret, deleted, and made again"
    return [
        *_quiesced(),
        Grant(("",), ("pods",), ("create", "delete"), pods),
        Grant(
            ("",),
            ("secrets",),
            ("create", "patch", "update", "delete"),
            "the note of such a pod, and the credentials of a mover, which die with its Job",
        ),
        Grant(("batch",), ("jobs",), ("create", "patch", "delete"), "movers, beside each volume"),
        Grant(
            ("networking.k8s.io",),
            ("networkpolicies",),
            ("create",),
            "lets a mover out to the vault where the namespace denies egress; dies with its Job",
        ),
        _EXEC,
    ]


def _target() -> list[Grant]:
    return [
        Grant(
            ("*",),
            ("*",),
            ("get", "list", "create", "patch", "update", "delete"),
            "make, change and take back every kind that a migration may carry",
        ),
        Grant(
            ("rbac.authorization.k8s.io",),
            ("clusterroles", "roles"),
            ("bind", "escalate"),
            "Kubernetes lets nobody grant rights that he does not have himself",
        ),
    ]
