"""YAML as Kubernetes reads it: no dates, and quotes where another reader would take text for more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml import CSafeDumper, CSafeLoader  # libyaml: ten times as fast

TIMESTAMP = "tag:yaml.org,2002:timestamp"
# Anything else is quoted: YAML 1.1, YAML 1.2 and Go's readers disagree on y, on, 1e3, 0o17, 1:30, 1_000 …
PLAIN = re.compile(r"^[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*$")
QUANTITY = re.compile(r"^[0-9]+(?:\.[0-9]+)?(?:[KMGTPE]i|m)$")
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


class Loader(CSafeLoader):
    """Reads manifests and rule files; dates stay text."""


Loader.yaml_implicit_resolvers = {
    sign: [(tag, expression) for tag, expression in resolvers if tag != TIMESTAMP]
    for sign, resolvers in CSafeLoader.yaml_implicit_resolvers.items()
}


class Dumper(CSafeDumper):
    """Writes manifests without aliases, in the order of their keys."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write repeated values out: people read and edit the files."""
        return True


def _represent_text(dumper: Any, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif not (PLAIN.match(text) or QUANTITY.match(text)) or text.lower() in WORDS:
        style = "'"
    scalar: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return scalar


Dumper.add_representer(str, _represent_text)


def dump(document: Any) -> str:
    """Write one document.

    :param document: plain data.
    """
    text: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def load_all(text: str | bytes) -> Iterator[Any]:
    """Read all documents of a text.

    :param text: YAML or JSON.
    :raises yaml.YAMLError: when it is neither.
    """
    yield from yaml.load_all(text, Loader=Loader)
