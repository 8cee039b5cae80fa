"""YAML as Kubernetes reads it: no dates, and quotes where another reader would take text for more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import yaml
from yaml import CSafeDumper, CSafeLoader  # libyaml: ten times as fast
from yaml.constructor import ConstructorError

from migration_ops.bad_input import yaml_problem

CORE = "tag:yaml.org,2002:"
TIMESTAMP, TEXT, MAPPING, SEQUENCE = f"{CORE}timestamp", f"{CORE}str", f"{CORE}map", f"{CORE}seq"
# Anything else is quoted: YAML 1.1, YAML 1.2 and Go's readers disagree on y, on, 1e3, 0o17, 1:30, 1_000 …
PLAIN = re.compile(r"^[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*$")
QUANTITY = re.compile(r"^[0-9]+(?:\.[0-9]+)?(?:[KMGTPE]i|m)$")
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


MAXIMUM_VALUES = 200_000
MAXIMUM_DEPTH = 200
BRACKETS = re.compile(r"[\[\]{}]")
DEEP_BLOCK = re.compile(rf"^[ \-?:]{{{MAXIMUM_DEPTH},}}", re.MULTILINE)


class Loader(CSafeLoader):
    """Reads manifests and rule files; dates stay text, and aliases can't make a small file huge.

    :param text: YAML or JSON.
    :raises yaml.YAMLError: while it reads, for a document of too many values once aliases are expanded.
    """

    def __init__(self, text: str | bytes) -> None:
        _refuse_depth(text)
        super().__init__(text)
        self._may_have_aliases = ("&" if isinstance(text, str) else b"&") in text  # type: ignore[operator]

    def get_node(self) -> yaml.Node | None:
        """Compose the next document."""
        return self._bounded(super().get_node())

    def get_single_node(self) -> yaml.Node | None:
        """Compose the only document."""
        return self._bounded(super().get_single_node())

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Give a node's tag; manifests repeat the same words, so that their tags are remembered."""
        if kind is yaml.ScalarNode:
            return _plain_tag(value) if implicit[0] else TEXT
        return MAPPING if kind is yaml.MappingNode else SEQUENCE

    def construct_document(self, node: yaml.Node) -> Any:
        """Make the value of a document: nearly all of it is text, mappings and lists."""
        return self._value(node)

    def _value(self, node: yaml.Node) -> Any:
        tag = node.tag
        if tag == TEXT and isinstance(node, yaml.ScalarNode):
            return node.value
        if tag == MAPPING and isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if tag == SEQUENCE and isinstance(node, yaml.SequenceNode):
            return [self._value(item) for item in node.value]
        try:
            if tag in _SCALARS and isinstance(node, yaml.ScalarNode):
                return _SCALARS[tag](self, node)
            return super().construct_document(node)
        except (ValueError, KeyError, OverflowError) as error:  # with PyYAML's own errors goes their place
            raise ConstructorError(None, None, yaml_problem(error)[1], node.start_mark) from None

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        if any(key.tag == f"{CORE}merge" for key, _ in node.value):
            _refuse_repeated(node)
            self.flatten_mapping(node)
            return dict(self._pairs(node))
        made = dict(self._pairs(node))
        if len(made) < len(node.value):
            _refuse_repeated(node)
        return made

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            yield self._key(key_node), self._value(value_node)

    def _key(self, node: yaml.Node) -> str:
        """Kubernetes' readers turn YAML into JSON, whose keys are text."""
        key = self._value(node)
        if isinstance(key, str):
            return key
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, int | float):
            return str(key)
        raise ConstructorError(None, None, "has a key that is no text", node.start_mark)

    def _bounded(self, node: yaml.Node | None) -> yaml.Node | None:
        if node is not None and self._may_have_aliases:
            _count_values(node, {}, frozenset())
        return node


def _refuse_repeated(node: yaml.MappingNode) -> None:
    """Refuse a key that a mapping has twice: of two values one would be lost without a word."""
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen and isinstance(key, yaml.ScalarNode) and key.tag != f"{CORE}merge":
            message = f"{key.value!r} is there twice; take one of them out"
            raise ConstructorError(None, None, message, key.start_mark)
        seen.add(str(key.value))


_SCALARS: dict[str, Callable[[Any, yaml.ScalarNode], Any]] = {
    f"{CORE}null": CSafeLoader.construct_yaml_null,
    f"{CORE}bool": CSafeLoader.construct_yaml_bool,
    f"{CORE}int": CSafeLoader.construct_yaml_int,
    f"{CORE}float": CSafeLoader.construct_yaml_float,
}


@lru_cache(maxsize=50_000)
def _plain_tag(value: str) -> str:
    return _first_match(Loader.yaml_implicit_resolvers, value)


@lru_cache(maxsize=50_000)
def _tag_for_any_reader(value: str) -> str:
    return _first_match(CSafeLoader.yaml_implicit_resolvers, value)


def _first_match(resolvers: dict[str, Any], value: str) -> str:
    return next((str(tag) for tag, form in resolvers.get(value[:1], ()) if form.match(value)), TEXT)


def _refuse_depth(text: str | bytes) -> None:
    """Refuse what is nested so deeply that the composer, which recurses in C, would run out of stack."""
    if isinstance(text, bytes):
        text = text.decode("utf-16" if text[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")
    depth = deepest = 0
    for bracket in BRACKETS.findall(text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    if deepest <= MAXIMUM_DEPTH and not DEEP_BLOCK.search(text):
        return
    depth = 0  # it looks deep, but brackets may stand in quotes: count what the parser sees
    for event in yaml.parse(text, Loader=CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAXIMUM_DEPTH:
            mark: Any = event.start_mark
            raise ConstructorError(None, None, f"is nested deeper than {MAXIMUM_DEPTH} levels", mark)


def _count_values(node: yaml.Node, counted: dict[int, int], above: frozenset[int]) -> int:
    """Count a node's values as if each alias were written out; a node that is shared is visited once."""
    if id(node) in counted:
        return counted[id(node)]
    if id(node) in above:
        raise ConstructorError(None, None, "contains itself through an alias", node.start_mark)
    inside = above | {id(node)}
    total = 1
    if isinstance(node, yaml.SequenceNode):
        total += sum(_count_values(child, counted, inside) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        total += sum(_count_values(child, counted, inside) for pair in node.value for child in pair)
    if total > MAXIMUM_VALUES:
        message = f"has more than {MAXIMUM_VALUES} values once aliases are expanded"
        raise ConstructorError(None, None, message, node.start_mark)
    counted[id(node)] = total
    return total


Loader.yaml_implicit_resolvers = {
    sign: [(tag, expression) for tag, expression in resolvers if tag != TIMESTAMP]
    for sign, resolvers in CSafeLoader.yaml_implicit_resolvers.items()
}


class Dumper(CSafeDumper):
    """Writes manifests without aliases, in the order of their keys."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write repeated values out: people read and edit the files."""
        return True

    def represent_data(self, data: Any) -> yaml.Node:
        """Make the node of a value; text, mappings and lists are nearly all that manifests hold."""
        if isinstance(data, str):
            return yaml.ScalarNode(TEXT, data, style=_style(data))
        if isinstance(data, dict):
            pairs = [(self.represent_data(key), self.represent_data(value)) for key, value in data.items()]
            return yaml.MappingNode(MAPPING, pairs, flow_style=False)
        if isinstance(data, list):
            return yaml.SequenceNode(SEQUENCE, [self.represent_data(item) for item in data], flow_style=False)
        node: yaml.Node = super().represent_data(data)
        return node

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Give the tag that a reader would see; text says by its quotes what it is."""
        if kind is yaml.ScalarNode:
            return _tag_for_any_reader(value) if implicit[0] else TEXT
        return MAPPING if kind is yaml.MappingNode else SEQUENCE


@lru_cache(maxsize=50_000)
def _style(text: str) -> str | None:
    if "\n" in text:
        return "|"
    return "'" if not (PLAIN.match(text) or QUANTITY.match(text)) or text.lower() in WORDS else None


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
