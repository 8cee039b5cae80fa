"""Reads a plan's YAML: quickly where that is beyond doubt, with lines and comments where something is odd.

Airflow parses each DAG file in a process of its own, each of them reads every plan, and the reader that
knows lines takes fifty times as long as libyaml. So libyaml's events are read first; whatever in them could
mean something else to the other reader (YAML 1.1 and 1.2 differ), or is wrong, is left to that one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.resolver import implicit_resolvers

from migration_ops.bad_input import yaml_problem

MAX_NODES = 20_000
_DEEPEST = 50
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?\b")
_ODD = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]"  # tabs, other line breaks
    r"|^(%|---|\.\.\.)"  # directives, several documents
    r"|[|>][-+\d]*[+#]",  # libyaml lets comments begin here
    re.MULTILINE,
)
_UNDOUBTED: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"true|false"), "true".__eq__),
    (re.compile(r"|~|null"), lambda _: None),
    (re.compile(r"0|-?[1-9]\d{0,14}"), int),
    (re.compile(r"-?(0|[1-9]\d{0,5})\.\d{1,6}"), float),
    (re.compile(r"\d{4}-\d\d-\d\d"), date.fromisoformat),
)
_NOT_TEXT: dict[str, list[Any]] = {}
"""What YAML 1.2 takes for something else than text, by its first character."""
for _versions, _, _form, _firsts in implicit_resolvers:
    if (1, 2) in _versions:
        for _first in _firsts:
            _NOT_TEXT.setdefault(_first, []).append(_form)


class OddError(Exception):
    """The quick reader leaves this file to the other one."""


class _Constructor(RoundTripConstructor):
    """Tells the line of a value that can't be read, such as a number of many thousand digits."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError, OverflowError) as error:
            said = yaml_problem(error)[1]
            if _DATE.match(str(node.value)):
                said = f"{node.value} is no day of the calendar"
            raise ConstructorError(None, None, said, node.start_mark) from None


def read_with_lines(text: str) -> Any:
    """Read a document whose mappings and lists know their lines.

    :raises YAMLError: of ruamel.yaml, or whatever else a value makes it raise.
    """
    reader = YAML(typ="rt")
    reader.Constructor = _Constructor
    return reader.load(text)


def read_quickly(text: str) -> Any:
    """Read a document without lines: the same data as `read_with_lines` gives.

    :raises OddError: if that isn't beyond doubt, or if something is wrong.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").removeprefix("---\n")
    if _ODD.search(text) or not yaml.__with_libyaml__:
        raise OddError
    parser = yaml.CSafeLoader(text)
    try:
        return _built(iter(parser.get_event, None))
    except (yaml.YAMLError, ValueError) as error:
        raise OddError from error
    finally:
        parser.dispose()


def _built(events: Iterator[Any]) -> Any:
    """Put the values of one document together; a mapping waits with the key whose value comes next."""
    documents: list[Any] = []
    open_: list[tuple[Any, list[Any]]] = [(documents, [])]
    count = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise OddError
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            if event.tag is not None:
                raise OddError
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        else:
            if isinstance(event, yaml.CollectionEndEvent):
                open_.pop()
            continue
        count += 1
        _put(*open_[-1], value)
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((value, []))
        if count > MAX_NODES or len(open_) > _DEEPEST:
            raise OddError
    if len(documents) != 1:
        raise OddError
    return documents[0]


def _put(into: Any, waiting: list[Any], value: Any) -> None:
    if isinstance(into, list):
        into.append(value)
    elif waiting:
        into[waiting.pop()] = value
    elif isinstance(value, str) and value not in into:
        waiting.append(value)
    else:  # a key that isn't text, or for the second time
        raise OddError


def _scalar(event: Any) -> Any:
    if event.tag is not None:
        raise OddError
    value: str = event.value
    if not event.implicit[0]:
        return value
    if not _may_be_no_text(value):
        return value
    for pattern, read in _UNDOUBTED:
        if pattern.fullmatch(value):
            return read(value)
    raise OddError


def _may_be_no_text(value: str) -> bool:
    return any(form.match(value) for form in _NOT_TEXT.get(value[:1], ()))
