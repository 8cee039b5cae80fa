"""Webhook configurations: admissionregistration.k8s.io/v1beta1 to v1, with the old defaults written out.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#webhook-resources-v122
"""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import CannotConvertError
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import items_at
from migration_ops.transform.registry import converter

OLD_DEFAULTS = {"failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 30}
SIDE_EFFECTS = frozenset({"None", "NoneOnDryRun"})


@converter("admission-webhook")
def convert_webhook(draft: Draft, to: str, _context: Context) -> None:
    """Write out defaults, side effects and review versions, and make names unique.

    :param draft: the configuration.
    :param to: the new version.
    :param _context: unused.
    :raises CannotConvertError: when it is to go back to v1beta1.
    """
    if to != "admissionregistration.k8s.io/v1":
        raise CannotConvertError(
            "this direction isn't supported", "serve admissionregistration.k8s.io/v1 in the target"
        )
    names: set[str] = set()
    for index, webhook in enumerate(items_at(draft.manifest, "webhooks")):
        for field, value in OLD_DEFAULTS.items():
            if webhook.get(field) is None:
                draft.set(("webhooks", index, field), value)
        if webhook.get("sideEffects") not in SIDE_EFFECTS:
            draft.set(("webhooks", index, "sideEffects"), "None")
            draft.find(
                "warning",
                f"webhook {webhook.get('name')} doesn't say that it is free of side effects; v1 demands it",
                "check that the webhook changes nothing outside of the object when asked for a dry run",
            )
        if not webhook.get("admissionReviewVersions"):
            draft.set(("webhooks", index, "admissionReviewVersions"), ["v1beta1"])
        name = str(webhook.get("name"))
        if name in names:
            unique = next(
                f"n{number}.{name}" for number in range(2, 1000) if f"n{number}.{name}" not in names
            )
            draft.set(("webhooks", index, "name"), unique)
            name = unique
        names.add(name)
