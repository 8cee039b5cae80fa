"""A capture as a folder: one canonical JSON file per object, so that an increment costs what changed.

``resources/GROUP/KIND/NAMESPACE/NAME.json``: the core group is ``core``, cluster-scoped objects lie in
``_cluster``. ``versions/VERSION/GROUP/KIND/NAMESPACE/NAME.json`` holds the same objects in further versions.
``capture.json`` beside it holds the claims and what was left out. Files and folders all carry
the same time, whenever they are written: equal objects make equal trees.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from migration_ops.cluster.alternates import in_order
from migration_ops.cluster.captured import Capture, CapturedObject, LeftOut
from migration_ops.cluster.claims import Claim
from migration_ops.cluster.errors import CaptureFormatError
from migration_ops.cluster.reference import ObjectReference

FORMAT = 1
INDEX = "capture.json"
RESOURCES = "resources"
VERSIONS = "versions"
FIXED_TIME = 946684800  # 2000-01-01T00:00:00Z


def object_path(reference: ObjectReference) -> str:
    """Return an object's path inside a captured folder.

    Names that a file system or another tool might take for something else (``:`` in RBAC, ``..``) are
    percent-encoded.

    :param reference: the object.
    """
    parts = [reference.group or "core", reference.kind, reference.namespace or "_cluster", reference.name]
    return "/".join([RESOURCES, *(_safe(part) for part in parts)]) + ".json"


def write_capture(capture: Capture, folder: Path | str) -> None:
    """Write a capture into a folder.

    :param capture: what was captured.
    :param folder: made when missing; should be empty.
    """
    root = Path(folder)
    reasons: dict[str, str] = {}
    made: set[Path] = set()
    for one in capture.objects:
        reference = ObjectReference.of(one.manifest)
        relative = object_path(reference)
        reasons[relative.removeprefix(f"{RESOURCES}/").removesuffix(".json")] = one.reason
        path = root / relative
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        _write(path, one.manifest)
        for other in one.alternates:
            version = ObjectReference.of(other).version
            path = root / VERSIONS / _safe(version) / relative.removeprefix(f"{RESOURCES}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, other)
    root.mkdir(parents=True, exist_ok=True)
    index = {
        "format": FORMAT,
        "claims": [dataclasses.asdict(claim) for claim in capture.claims],
        "left_out": [dataclasses.asdict(one) for one in capture.left_out],
        "unreadable": [dataclasses.asdict(one) for one in capture.unreadable],
        "reasons": reasons,
    }
    _write(root / INDEX, index)
    for current, _, _ in os.walk(root, topdown=False):
        os.utime(current, (FIXED_TIME, FIXED_TIME))


def read_capture(folder: Path | str) -> Capture:
    """Read what `write_capture` wrote.

    :param folder: the folder.
    :raises CaptureFormatError: when a file is missing, is no JSON or is no Kubernetes object.
    """
    root = Path(folder)
    index = _read(root / INDEX)
    if index.get("format") != FORMAT:
        message = (
            f"{root / INDEX}: format {index.get('format')!r}, this program reads {FORMAT}; use a newer one"
        )
        raise CaptureFormatError(message)
    reasons = index.get("reasons") or {}
    objects = []
    versions = list((root / VERSIONS).iterdir()) if (root / VERSIONS).is_dir() else []
    for path in sorted((root / RESOURCES).rglob("*.json")):
        manifest = _read(path)
        reference = ObjectReference.of(manifest)
        relative = path.relative_to(root).as_posix()
        if not reference.kind or object_path(reference) != relative:
            message = (
                f"{path}: holds {reference}, which does not belong there; the folder was changed by hand"
            )
            raise CaptureFormatError(message)
        key = relative.removeprefix(f"{RESOURCES}/").removesuffix(".json")
        alternates = in_order(
            _read(folder / f"{key}.json") for folder in versions if (folder / f"{key}.json").exists()
        )
        objects.append(CapturedObject(manifest, str(reasons.get(key, "chosen")), alternates))
    try:
        return Capture(
            objects=sorted(objects, key=lambda one: ObjectReference.of(one.manifest).identity),
            claims=[_claim(entry) for entry in index.get("claims") or []],
            left_out=[LeftOut(**entry) for entry in index.get("left_out") or []],
            unreadable=[LeftOut(**entry) for entry in index.get("unreadable") or []],
        )
    except TypeError as error:
        message = f"{root / INDEX}: {error}; the folder was written by another version"
        raise CaptureFormatError(message) from error


def _claim(entry: dict[str, Any]) -> Claim:
    entry = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Claim(**entry)


def _safe(part: str) -> str:
    encoded = quote(part, safe="")
    return encoded.replace(".", "%2E") if encoded.strip(".") == "" else encoded


def _write(path: Path, content: Any) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
    os.utime(path, (FIXED_TIME, FIXED_TIME))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        message = f"{path}: {error.strerror}; is this a captured folder?"
        raise CaptureFormatError(message) from error
    except orjson.JSONDecodeError as error:
        message = f"{path}: no JSON ({error}); restore the folder from the vault again"
        raise CaptureFormatError(message) from error
    if not isinstance(content, dict):
        message = f"{path}: not a JSON object"
        raise CaptureFormatError(message)
    return content
