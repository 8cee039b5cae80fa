"""The rights that a plan's own hooks take, beside those that every source needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_ops.cluster.grants import Grant
from migration_ops.cluster.permissions import Permission

if TYPE_CHECKING:
    from migration_ops.cluster import Discovery
    from migration_ops.migration.plan import Plan


def hook_permissions(plan: Plan, served: Discovery | None = None) -> list[Permission]:
    """Return what hooks that patch objects of the source take.

    :param served: what the source serves; names the kinds' resources. A guess without it.
    """
    found = []
    for hook in plan.quiesce.hooks:
        if hook.patch is None:
            continue
        group = hook.patch.api_version.rpartition("/")[0]
        resource = served.find(group, hook.patch.kind) if served else None
        plural = resource.plural if resource else f"{hook.patch.kind.lower()}s"
        found.append(Permission("patch", plural, group, hook.patch.namespace or ""))
    return list(dict.fromkeys(found))


def hook_grants(plan: Plan, served: Discovery | None = None) -> list[Grant]:
    """Return the same as rules of a role.

    :param served: see `hook_permissions`.
    """
    kinds = dict.fromkeys((one.group, one.resource) for one in hook_permissions(plan, served))
    return [Grant((group,), (plural,), ("patch",), f"a hook of plan {plan.name}") for group, plural in kinds]
