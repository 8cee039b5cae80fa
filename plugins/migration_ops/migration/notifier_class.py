"""Whether a dotted path leads to an Airflow notifier, told from source text: nothing is imported or run.

A plan is written by people, and importing a module runs it. So modules are found without importing what lies
above them, and their source says which classes they hold.
"""

from __future__ import annotations

import ast
import sys
from importlib.machinery import PathFinder
from pathlib import Path

_BASE = "BaseNotifier"


def is_installed(package: str) -> bool:
    """Whether a package could be imported here.

    :param package: a top-level package's name.
    """
    return PathFinder.find_spec(package) is not None


def trouble_with(path: str) -> str:
    """Say why a path leads to no notifier; empty if it does, or if only running its module could tell.

    :param path: such as `airflow.providers.smtp.notifications.smtp.SmtpNotifier`.
    """
    module, _, name = path.rpartition(".")
    if module.partition(".")[0] in sys.stdlib_module_names:
        return f"{path} belongs to Python itself and is no Airflow notifier; name a subclass of {_BASE}"
    file = _find(module)
    if file is None:
        return f"there is no module {module} here; check the path, or install the provider that has it"
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return f"{file} is no Python that can be read; name a subclass of {_BASE}"
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    if name not in classes:
        elsewhere = _may_come_from_elsewhere(tree, name)
        return "" if elsewhere else f"{module} has no class {name}; check the path"
    if name == _BASE or _is_notifier(name, classes, airflows=module.startswith("airflow.")):
        return ""
    return f"{path} is no Airflow notifier; name a subclass of {_BASE}"


def _find(module: str) -> Path | None:
    """Find a module's file below its packages, none of which is imported; some are folders, no more."""
    top, *below = module.split(".")
    spec = PathFinder.find_spec(top)
    if spec is None:
        return None
    folders = [Path(place) for place in spec.submodule_search_locations or []]
    files = [Path(spec.origin)] if spec.origin else []
    for name in below:
        folders = [folder / name for folder in folders]
        files = [folder.with_suffix(".py") for folder in folders] + [
            folder / "__init__.py" for folder in folders
        ]
    return next((file for file in files if file.suffix == ".py" and file.is_file()), None)


def _may_come_from_elsewhere(tree: ast.Module, name: str) -> bool:
    """Whether a module may offer such a name all the same: imported, assigned or made on request."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom() | ast.Import():
                if {alias.asname or alias.name for alias in node.names} & {name, "*"}:
                    return True
            case ast.Name(id=stored, ctx=ast.Store()) if stored == name:
                return True
            case ast.FunctionDef(name="__getattr__"):
                return True
    return False


def _is_notifier(
    name: str, classes: dict[str, ast.ClassDef], *, airflows: bool, above: tuple[str, ...] = ()
) -> bool:
    """Whether a class may be one; Airflow's own all have a base that is called so, others' need not."""
    for base in classes[name].bases:
        last = ast.unparse(base).partition("[")[0].rpartition(".")[2]
        if last in above or last == "object":
            continue
        if last in classes:
            if _is_notifier(last, classes, airflows=airflows, above=(*above, name)):
                return True
        elif not airflows or "Notifier" in last:
            return True
    return False
