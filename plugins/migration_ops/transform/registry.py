"""Names under which rules call Python: converters (API versions) and adapters (everything else)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts

Adapter = Callable[[Draft, Parts, Context], None]
Converter = Callable[[Draft, str, Context], None]

_ADAPTERS: dict[str, Adapter] = {}
_CONVERTERS: dict[str, Converter] = {}


def adapter(name: str) -> Callable[[Adapter], Adapter]:
    """Make a function callable from rules as `call: name`.

    :param name: the name in rule files.
    """

    def register(function: Adapter) -> Adapter:
        _ADAPTERS[name] = function
        return function

    return register


def converter(name: str) -> Callable[[Converter], Converter]:
    """Make a function callable from rules as `convert: {using: name}`.

    It is called before apiVersion changes, with the new one.

    :param name: the name in rule files.
    """

    def register(function: Converter) -> Converter:
        _CONVERTERS[name] = function
        return function

    return register


@cache
def _import_all() -> None:
    for package in ("adapters", "converters"):
        module = importlib.import_module(f"migration_ops.transform.{package}")
        for found in pkgutil.iter_modules(module.__path__):
            importlib.import_module(f"{module.__name__}.{found.name}")


def adapters() -> dict[str, Adapter]:
    """All adapters by name."""
    _import_all()
    return _ADAPTERS


def converters() -> dict[str, Converter]:
    """All converters by name."""
    _import_all()
    return _CONVERTERS
