"""Helm's release Secrets, which hold their namespace inside."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Iterator
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, mapping_at
from migration_ops.transform.registry import adapter
from migration_ops.transform.removed_versions import REPLACED
from migration_ops.transform.versions import ServedApis

MAXIMUM_RELEASE_BYTES = 16 * 1024 * 1024

UNREADABLE = (binascii.Error, OSError, EOFError, ValueError, KeyError, TypeError, zlib.error)

_DOCUMENTS = re.compile(r"^---.*$", re.MULTILINE)
_API_VERSION = re.compile(r"""^apiVersion:\s*["']?([\w./-]+)""", re.MULTILINE)
_KIND = re.compile(r"""^kind:\s*["']?(\w+)""", re.MULTILINE)


@adapter("report-removed-apis-in-release")
def report_removed_apis(draft: Draft, _base: Parts, context: Context) -> None:
    """Report a Helm release whose stored manifest holds versions that the target doesn't serve.

    The objects themselves are converted; Helm compares with its own copy of them, and fails to read it.

    :param draft: the Secret.
    :param _base: unused.
    :param context: knows the target.
    """
    labels = mapping_at(draft.manifest, "metadata", "labels")
    if labels.get("status", "deployed") not in {"deployed", "failed"}:
        return  # history that `helm upgrade` doesn't read
    try:
        release = _unpacked(draft)
        manifest = str(release["manifest"])
    except UNREADABLE:
        return  # told with its namespace
    removed = sorted(set(_removed(manifest, context.served)))
    if removed:
        name = release.get("name") or labels.get("name", "RELEASE")
        namespace = draft.manifest["metadata"].get("namespace", "")
        target = context.parameters.namespaces.get(namespace, namespace)
        draft.find(
            "decision",
            f"the stored manifest of the Helm release {name} holds {', '.join(removed)}, which "
            "the target doesn't serve: the next `helm upgrade` or `helm uninstall` would fail",
            f"run `helm mapkubeapis {name} --namespace {target}` in the target before Helm is used there",
            ("helm mapkubeapis", "install the release anew"),
        )


def _removed(manifest: str, served: ServedApis) -> Iterator[str]:
    for document in _DOCUMENTS.split(manifest):
        version, kind = _API_VERSION.search(document), _KIND.search(document)
        if version is None or kind is None:
            continue
        for row in REPLACED:
            for one in row.versions if row.kind == kind[1] else ():
                if f"{one.group}/{one.version}" == version[1] and not row.is_served(one, served):
                    yield f"{version[1]} {kind[1]}"


@adapter("map-namespace-in-release")
def map_release(draft: Draft, _base: Parts, context: Context) -> None:
    """Rewrite the namespace in a Helm release Secret, so that Helm finds its release in the new one.

    The release is JSON, gzipped, base64 by Helm and base64 again by the Secret
    (helm.sh/helm/v3/pkg/storage/driver). The manifest inside keeps its own texts.

    :param draft: the Secret.
    :param _base: unused.
    :param context: knows the mapping.
    """
    try:
        release = _unpacked(draft)
        namespace = release["namespace"]
    except UNREADABLE:
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


def _unpacked(draft: Draft) -> dict[str, Any]:
    packed = base64.b64decode(base64.b64decode(str(draft.get(("data", "release")))))
    release = orjson.loads(_unzip(packed))
    if not isinstance(release, dict):
        raise TypeError("a release is a mapping")
    return release


def _unzip(packed: bytes) -> bytes:
    if packed[:2] != b"\x1f\x8b":
        return packed  # old releases aren't compressed

    unpacked = zlib.decompressobj(wbits=31).decompress(packed, MAXIMUM_RELEASE_BYTES)
    if len(unpacked) >= MAXIMUM_RELEASE_BYTES:
        raise ValueError("the release is too large")
    return unpacked
