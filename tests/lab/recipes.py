"""Images from recipe folders: Debian packages and files on top of the base, described by ``image.toml``.

.. code-block:: toml

    packages = ["postgresql-15"]              # optional
    entrypoint = ["python3", "/app/writer.py"]
    command = []                              # optional
    user = "1000:1000"                        # optional; root if missing
    workdir = "/app"                          # optional
    [environment]                             # optional
    PORT = "8080"
    [files]                                   # path in the image = file or folder beside image.toml
    "/app/writer.py" = "writer.py"
"""

from __future__ import annotations

import hashlib
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.base_image import base_layer, packages_layer
from tests.lab.cache import build_once, fingerprint
from tests.lab.errors import LabError
from tests.lab.image import write_image
from tests.lab.layers import Layer, add_plain, write_layer
from tests.lab.progress import Progress

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Recipe:
    """What an image is made of; see the module's text."""

    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    packages: Sequence[str] = ()
    user: str = ""
    workdir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Recipe:
        """Read ``image.toml`` of a recipe folder.

        :raises LabError: it is missing, or has fields that a recipe doesn't have.
        """
        try:
            return cls(**tomllib.loads((folder / "image.toml").read_text(encoding="utf-8")))
        except (OSError, TypeError, tomllib.TOMLDecodeError) as error:
            raise LabError(f"image recipe {folder / 'image.toml'}: {error}") from error

    def oci_config(self) -> dict[str, Any]:
        """Return the ``config`` object of the image."""
        environment = {"PATH": PATH, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **self.environment}
        return {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "User": self.user,
            "WorkingDir": self.workdir or "/",
            "Env": [f"{name}={value}" for name, value in environment.items()],
        }


def build_recipe(folder: Path, name: str, progress: Progress, log: Path) -> Path:
    """Return the ``image.json`` of a recipe folder's image, built again only if the folder changed.

    :param name: the image's full name.
    """
    recipe = Recipe.read(folder)
    layers = [base_layer(progress, log)]
    if recipe.packages:
        layers.append(packages_layer(recipe.packages, progress, log))
    key = fingerprint(name, *(layer.digest for layer in layers), tree_digest(folder))

    def build(made: Path) -> None:
        def fill(tar: tarfile.TarFile) -> None:
            for inside, source in recipe.files.items():
                add_plain(tar, folder / source, inside)

        own: list[Layer] = [write_layer(made / "layer.tar", fill)] if recipe.files else []
        write_image(made, name, [*layers, *own], recipe.oci_config())

    return build_once("images", f"{folder.name}-{key}", build) / "image.json"


def tree_digest(folder: Path) -> str:
    """Return a digest of the names and contents of all files below a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(str(path.relative_to(folder)).encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
