"""The mover's image, made as the Dockerfile makes it: Python, locked dependencies, the vault program."""

from __future__ import annotations

import shutil
import sys
import tarfile
import tomllib
from pathlib import Path

from tests.lab.base_image import base_layer
from tests.lab.cache import build_once, fingerprint
from tests.lab.image import write_image
from tests.lab.layers import Layer, add_plain, add_tree, read_layer, write_layer
from tests.lab.progress import Progress
from tests.lab.recipes import Recipe, tree_digest
from tests.lab.tools import run_tool

MOVER_IMAGE = "docker.io/local/migration-ops-mover:1"
PROJECT = Path(__file__).parents[2]
SITE = "usr/local/lib/python3.11/dist-packages"
PYTHON = "3.11"  # bookworm's
RECIPE = Recipe(entrypoint=["/usr/local/bin/migration-ops"], environment={"PYTHONDONTWRITEBYTECODE": "1"})
PROGRAM = "#!/usr/bin/python3\nfrom migration_ops.cli import main\n\nmain()\n"


def mover_image(progress: Progress, log: Path) -> Path:
    """Return the ``image.json`` of the mover's image as of the checkout's present code."""
    base, libraries = base_layer(progress, log), _libraries_layer(progress, log)
    package = PROJECT / "plugins/migration_ops"
    parts = [
        package / name
        for name in ("__init__.py", "cli.py", "errors.py", "vault")
        if (package / name).exists()
    ]
    content = [tree_digest(part) if part.is_dir() else part.read_text(encoding="utf-8") for part in parts]
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    def build(folder: Path) -> None:
        program, metadata = folder / "migration-ops", folder / "METADATA"
        program.write_text(PROGRAM, encoding="utf-8")
        program.chmod(0o755)
        metadata.write_text(
            f"Metadata-Version: 2.1\nName: migration-ops\nVersion: {version}\n", encoding="utf-8"
        )

        modules = folder / "migration_ops"
        modules.mkdir()
        for part in parts:
            if part.is_dir():
                shutil.copytree(part, modules / part.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(part, modules)
        _compile(modules, f"/{SITE}/migration_ops", log)

        def fill(tar: tarfile.TarFile) -> None:
            add_plain(tar, modules, f"{SITE}/migration_ops", byte_code=True)
            add_plain(tar, metadata, f"{SITE}/migration_ops-{version}.dist-info/METADATA")
            add_plain(tar, program, "usr/local/bin/migration-ops")

        own = write_layer(folder / "layer.tar", fill)
        shutil.rmtree(modules)
        write_image(folder, MOVER_IMAGE, [base, libraries, own], RECIPE.oci_config())

    key = fingerprint(base.digest, libraries.digest, PROGRAM, version, "byte code", *content)
    return build_once("images", f"mover-{key}", build) / "image.json"


def _libraries_layer(progress: Progress, log: Path) -> Layer:
    lock = PROJECT / "requirements.lock"

    def build(folder: Path) -> None:
        target = folder / "site"
        command = [
            *(
                sys.executable,
                "-m",
                "uv",
                "pip",
                "install",
                "--no-config",
                "--target",
                str(target),
                "--link-mode=copy",
            ),
            *(
                "--python-version",
                PYTHON,
                "--only-binary",
                ":all:",
                "--no-deps",
                "--require-hashes",
                "-r",
                str(lock),
            ),
        ]
        with progress.step("installing the mover's locked dependencies"):
            run_tool(command, log=log)
            _compile(target, f"/{SITE}", log)
            write_layer(folder / "layer.tar", lambda tar: add_tree(tar, target, prefix=SITE))

    key = fingerprint(lock.read_text(encoding="utf-8"), PYTHON)
    return read_layer(build_once("layers", f"mover-{key}", build) / "layer.tar")


def _compile(folder: Path, inside: str, log: Path) -> None:
    """Compile a folder's modules, as `pip install` would in the image: movers start often."""
    compiler = [sys.executable, "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash"]
    if sys.version_info[:2] == (3, 11):  # byte code of another version would only take space
        run_tool([*compiler, "-s", str(folder), "-p", inside, str(folder)], log=log)
