"""Image layers: folders of files turned into tar archives with a digest.

Written directly instead of with a build tool: a layer is only a tar archive, and so nothing needs a daemon, a
storage of its own, or a cleanup after a kill.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

WHITEOUT = ".wh."  # OCI image specification, "Whiteouts": NAME is deleted by a file .wh.NAME


@dataclass(frozen=True)
class Layer:
    """A layer on disk.

    :param path: the uncompressed tar archive.
    :param digest: ``sha256:...`` of its content.
    :param size: in bytes.
    """

    path: Path
    digest: str
    size: int


def write_layer(path: Path, fill: Callable[[tarfile.TarFile], None]) -> Layer:
    """Write a layer and, beside it, its digest.

    :param fill: adds the members.
    """
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        fill(tar)
    with path.open("rb") as content:
        digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
    layer = Layer(path, digest, path.stat().st_size)
    path.with_suffix(".json").write_text(json.dumps({**asdict(layer), "path": path.name}), encoding="utf-8")
    return layer


def read_layer(path: Path) -> Layer:
    """Return a layer that ``write_layer`` wrote."""
    fields = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Layer(path, fields["digest"], fields["size"])


def add_tree(
    tar: tarfile.TarFile, root: Path, prefix: str = "", left_out: Callable[[str], bool] = lambda _: False
) -> None:
    """Add everything below a folder, with owners and times; overlayfs's deletions become whiteouts.

    :param prefix: where it lands in the image, without a leading slash.
    :param left_out: tells by a path relative to ``root`` whether it is left out, with all below it.
    """
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not left_out(str((here / name).relative_to(root))))
        for name in [*folders, *sorted(files)]:
            path = here / name
            relative = str(path.relative_to(root))
            if left_out(relative):
                continue
            inside = f"{prefix}/{relative}" if prefix else relative
            status = path.lstat()
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                tar.addfile(tarfile.TarInfo(str(Path(inside).with_name(f"{WHITEOUT}{name}"))))
            elif not stat.S_ISSOCK(status.st_mode):
                tar.add(path, inside, recursive=False)


def add_plain(tar: tarfile.TarFile, path: Path, inside: str, *, byte_code: bool = False) -> None:
    """Add a file or folder as root's, with a fixed time, so that the same content gives the same layer.

    :param byte_code: whether Python's compiled modules come along.
    """

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if "__pycache__" in member.name and not byte_code:
            return None
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = 0
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    tar.add(path, inside.lstrip("/"), filter=plain)
