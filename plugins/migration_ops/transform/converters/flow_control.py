"""Flow control: a field got another name in flowcontrol.apiserver.k8s.io/v1beta3, and kept it in v1.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#flowcontrol-resources-v129
"""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.registry import converter

OLD_VERSIONS = ("/v1alpha1", "/v1beta1", "/v1beta2")
LIMITED = ("spec", "limited")
OLD_FIELD, FIELD = "assuredConcurrencyShares", "nominalConcurrencyShares"


@converter("flow-control")
def convert_flow_control(draft: Draft, to: str, _context: Context) -> None:
    """Rename a priority level's shares.

    :param draft: the priority level or flow schema.
    :param to: the new version.
    :param _context: unused.
    """
    old, new = (FIELD, OLD_FIELD) if to.endswith(OLD_VERSIONS) else (OLD_FIELD, FIELD)
    shares = draft.get((*LIMITED, old))
    if shares is not None and draft.get((*LIMITED, new)) is None:
        draft.remove((*LIMITED, old))
        draft.set((*LIMITED, new), shares)
