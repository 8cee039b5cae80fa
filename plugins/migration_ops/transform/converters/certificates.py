"""cert-manager's Certificate of v1alpha2, v1alpha3 and v1beta1 to v1.

Source: cert-manager's own conversions (internal/apis/certmanager/v1alpha2/conversion.go of release 1.6).
"""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts
from migration_ops.transform.registry import converter

MOVED: dict[str, Parts] = {
    "organization": ("spec", "subject", "organizations"),
    "emailSANs": ("spec", "emailAddresses"),
    "uriSANs": ("spec", "uris"),
    "keyAlgorithm": ("spec", "privateKey", "algorithm"),
    "keyEncoding": ("spec", "privateKey", "encoding"),
    "keySize": ("spec", "privateKey", "size"),
}
IN_CAPITALS = frozenset({"rsa", "ecdsa", "pkcs1", "pkcs8"})


@converter("certificate")
def convert_certificate(draft: Draft, _to: str, _context: Context) -> None:
    """Move the fields that got other names; v1 writes algorithms in capitals.

    :param draft: the Certificate.
    :param _to: cert-manager.io/v1.
    :param _context: unused.
    """
    for field, place in MOVED.items():
        value = draft.get(("spec", field))
        if value is None:
            continue
        draft.remove(("spec", field))
        if draft.get(place) is None:
            draft.set(place, value.upper() if isinstance(value, str) and value in IN_CAPITALS else value)
