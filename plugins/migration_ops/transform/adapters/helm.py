"""Helm's release Secrets, which hold their namespace inside."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts
from migration_ops.transform.registry import adapter

MAXIMUM_RELEASE_BYTES = 16 * 1024 * 1024


@adapter("map-namespace-in-release")
def map_release(draft: Draft, _base: Parts, context: Context) -> None:
    """Rewrite the namespace in a Helm release Secret, so that Helm finds its release in the new one.

    The release is JSON, gzipped, base64 by Helm and base64 again by the Secret
    (helm.sh/helm/v3/pkg/storage/driver). The manifest inside keeps its own texts.

    :param draft: the Secret.
    :param _base: unused.
    :param context: knows the mapping.
    """
    encoded = draft.get(("data", "release"))
    try:
        packed = base64.b64decode(base64.b64decode(str(encoded)))
        release = orjson.loads(_unzip(packed))
        namespace = release["namespace"]
    except (binascii.Error, OSError, EOFError, ValueError, KeyError, TypeError):
        draft.find(
            "warning",
            "the Helm release can't be read, so it keeps its namespace",
            "check `helm list` afterwards",
        )
        return
    mapping = context.parameters.namespaces
    if namespace not in mapping:
        return
    release["namespace"] = mapping[namespace]
    repacked = base64.b64encode(gzip.compress(orjson.dumps(release), mtime=0))
    draft.set(("data", "release"), base64.b64encode(repacked).decode())
    draft.find(
        "info",
        f"the Helm release now belongs to {mapping[namespace]}; its manifest still has the source's texts",
        "run `helm upgrade` with the target's values before the next `helm rollback`",
    )


def _unzip(packed: bytes) -> bytes:
    if packed[:2] != b"\x1f\x8b":
        return packed  # old releases aren't compressed

    unpacked = zlib.decompressobj(wbits=31).decompress(packed, MAXIMUM_RELEASE_BYTES)
    if len(unpacked) >= MAXIMUM_RELEASE_BYTES:
        raise ValueError("the release is too large")
    return unpacked
