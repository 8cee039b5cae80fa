"""Reading and writing manifests: folders, multi-document files, standard streams."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import yaml

from migration_ops.bad_input import yaml_problem
from migration_ops.transform.errors import ManifestError
from migration_ops.transform.objects import Manifest, check_identity, reference
from migration_ops.transform.order import wave
from migration_ops.transform.private_files import make_private, write_private
from migration_ops.transform.yamlio import dump, load_all

SUFFIXES = (".yaml", ".yml", ".json")
STREAM = "-"
FILES_AT_ONCE = 4
INDEX = ".migration-ops-transform.json"


def read_manifests(location: str) -> list[Manifest]:
    """Read all manifests of a folder (and its folders), a file, or standard input; lists are taken apart.

    :param location: a path, or `-`.
    :raises ManifestError: naming file and document; also when one object is there with different contents.
    """
    return list(_each_once(_located(location)))


def _located(location: str) -> Iterable[tuple[str, Manifest]]:
    """Give the objects at a location, each with the file and document that it stands in."""
    if location == STREAM:
        return _objects(sys.stdin.buffer.read(), "standard input", is_json=False)
    path = Path(location)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.name != INDEX)
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:  # a disk that is slow to open is waited for once
            contents = pool.map(_content, files)
            return [
                item for file, content in zip(files, contents, strict=True) for item in _parsed(file, content)
            ]
    if not path.is_file():
        raise ManifestError(f"{location}: there is no such file or folder")
    return _parsed(path, path.read_bytes())


def _each_once(located: Iterable[tuple[str, Manifest]]) -> Iterator[Manifest]:
    """Give each object once; refuse one that is there twice with different contents."""
    seen: dict[str, tuple[str, Manifest]] = {}
    for place, item in located:
        name = reference(item)
        if name not in seen:
            seen[name] = (place, item)
            yield item
        elif seen[name][1] != item:
            raise ManifestError(
                f"{name} is there twice with different contents: in {seen[name][0]} and in {place}; "
                "take one of them out"
            )


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _parsed(path: Path, content: bytes) -> Iterator[tuple[str, Manifest]]:
    return _objects(content, str(path), is_json=path.suffix == ".json")


def _objects(content: bytes, source: str, *, is_json: bool) -> Iterator[tuple[str, Manifest]]:
    for number, document in enumerate(_documents(content, source, is_json=is_json), start=1):
        if document is None:
            continue
        for item in _unlisted(document):
            place = f"{source}, document {number}"
            try:
                check_identity(item)
            except ManifestError as error:
                raise ManifestError(f"{place}: {error}") from error
            yield place, item


def _documents(content: bytes, source: str, *, is_json: bool) -> Iterable[Any]:
    if is_json or content.lstrip()[:1] == b"{":
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            if is_json:
                raise ManifestError(f"{source}:{error.lineno}: is no JSON: {error.msg}") from error
        else:
            refuse_repeated_keys(content, document, source)
            return [document]
    try:
        return list(load_all(content))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        line, problem = yaml_problem(error, content)
        raise ManifestError(f"{source}:{f'{line}:' if line else ''} is no YAML: {problem}") from error


_KEY = re.compile(rb'"\s*:')


def refuse_repeated_keys(content: bytes, document: Any, source: str) -> None:
    """Refuse JSON with a mapping that has a key twice: of two values one would be lost without a word.

    :param content: the text.
    :param document: what was read from it; it has fewer keys than the text then.
    :param source: what errors call the text.
    :raises ManifestError: naming the key.
    """
    if len(_KEY.findall(content)) == len(_KEY.findall(orjson.dumps(document))):
        return

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            raise ManifestError(f"{source}: {twice!r} is there twice in one mapping; take one of them out")
        return made

    json.loads(content, object_pairs_hook=once)


def _unlisted(document: Any) -> Iterator[Any]:
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and "items" in document:
        if not isinstance(document["items"], list):
            raise ManifestError(f"{document['kind']}: items must be a list")
        kind = document["kind"].removesuffix("List")
        # The API's typed lists leave apiVersion and kind out of their items.
        typed = {"apiVersion": document.get("apiVersion"), "kind": kind} if kind else {}
        for item in document["items"]:
            yield {**typed, **item} if isinstance(item, dict) else item
    elif isinstance(document, list):
        yield from document
    else:
        yield document


def write_manifests(manifests: Sequence[Manifest], location: str) -> None:
    """Write manifests in the given order, to a file (.yaml, .yml, .json), standard output, or a folder.

    A folder gets one file an object, in folders whose names sort in apply order. Files of a former run that
    are not written again are removed; nothing else is. Owner references hold the source's uids, for which a
    target's garbage collector would delete the objects: they are left out.
    Only their owner may read the files.

    :param manifests: what to write.
    :param location: a path, or `-`.
    """
    manifests = [_without_owners(manifest) for manifest in manifests]
    if location == STREAM:
        sys.stdout.write(_yaml(manifests))
    elif location.endswith(".json"):
        content = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        write_private(Path(location), orjson.dumps(content, option=orjson.OPT_INDENT_2))
    elif location.endswith((".yaml", ".yml")):
        write_private(Path(location), _yaml(manifests).encode())
    else:
        _write_folder(manifests, Path(location))


def check_location(location: str) -> None:
    """See before anything is done whether manifests could be written to a place.

    :param location: as of `write_manifests`.
    :raises ManifestError: naming what is in the way.
    """
    if location == STREAM:
        return
    path = Path(location)
    if location.endswith((".json", ".yaml", ".yml")):
        if path.is_dir():
            raise ManifestError(
                f"{location} is a folder; give a file's name, or a folder's without that ending"
            )
        if not path.absolute().parent.is_dir():
            raise ManifestError(f"{location}: the folder {path.parent} is not there; make it first")
        place = path if path.exists() else path.absolute().parent
    else:
        place = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
        if not place.is_dir():
            raise ManifestError(
                f"{location}: {place} is a file; OUT must be a folder, or end in .yaml or .json"
            )
    if not os.access(place, os.W_OK):
        raise ManifestError(f"{location}: {place} may not be written; choose another place")


def _without_owners(manifest: Manifest) -> Manifest:
    if "ownerReferences" not in manifest["metadata"]:
        return manifest
    kept = {key: value for key, value in manifest["metadata"].items() if key != "ownerReferences"}
    return {**manifest, "metadata": kept}


def _yaml(manifests: Sequence[Manifest]) -> str:
    return "---\n".join(dump(manifest) for manifest in manifests)


def _write_folder(manifests: Sequence[Manifest], folder: Path) -> None:
    make_private(folder)
    index = folder / INDEX
    former = set(orjson.loads(index.read_bytes())["files"]) if index.is_file() else set()
    written: set[str] = set()
    made: set[Path] = set()
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        writing = []
        for manifest in manifests:
            name = file_name(manifest, written)
            path = folder / name
            if path.parent not in made:
                make_private(path.parent)
                made.add(path.parent)
            writing.append(pool.submit(write_private, path, dump(manifest).encode()))
            written.add(name)
        for one in writing:
            one.result()
    for name in sorted(former - written):
        if not Path(name).is_absolute() and ".." not in Path(name).parts:
            (folder / name).unlink(missing_ok=True)
    write_private(index, orjson.dumps({"files": sorted(written)}, option=orjson.OPT_INDENT_2))


def file_name(manifest: Manifest, taken: set[str]) -> str:
    """Name an object's file: `WAVE/NAMESPACE/KIND-NAME.yaml`, without what file systems dislike.

    :param manifest: the object.
    :param taken: names that are used.
    """
    metadata = manifest["metadata"]
    folder = "/".join(_safe(part) for part in (wave(manifest), metadata.get("namespace")) if part)
    stem = f"{folder}/{_safe(manifest['kind'].lower())}-{_safe(metadata['name'])}"
    group = manifest["apiVersion"].rpartition("/")[0]
    for name in (f"{stem}.yaml", f"{stem}-{_safe(group)}.yaml"):
        if name not in taken:
            return name
    return next(name for number in range(2, len(taken) + 3) if (name := f"{stem}-{number}.yaml") not in taken)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip(".") or "_"
