"""What is written must mean the same to Kubernetes' YAML reader, which knows YAML 1.1's words and more."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, strategies

from migration_ops.transform.yamlio import dump, load_all


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "off",
        "yes",
        "No",
        "y",
        "N",
        "true",
        "null",
        "~",
        "",
        "1e3",
        "12345e7",
        "0x1F",
        "0o17",
        "017",
        "1_000",
        "1:30",
        "2024-01-01",
        ".5",
        "-1",
        "+1",
        ".inf",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "a: b",
        "a #b",
        "- a",
        "=",
    ],
)
def test_texts_that_look_like_something_else_are_quoted(text: str) -> None:
    assert dump({"a": text}).split(": ", 1)[1][0] in "'\""
    assert next(load_all(dump({"a": text}))) == {"a": text}


@pytest.mark.parametrize("text", ["web", "nginx:1.27", "20Gi", "250m", "apps/v1", "a.b.c/d-e_f"])
def test_plain_words_stay_readable(text: str) -> None:
    assert dump({"a": text}) == f"a: {text}\n"


def test_dates_and_octal_numbers_are_read_as_kubernetes_does() -> None:
    assert next(load_all("{created: 2024-01-01T00:00:00Z, mode: 0644}")) == {
        "created": "2024-01-01T00:00:00Z",
        "mode": 420,
    }


@given(strategies.text())
def test_any_text_survives(text: str) -> None:
    written = dump({"a": text, "b": [text]})

    assert next(load_all(written)) == {"a": text, "b": [text]}
    assert yaml.safe_load(written) == {"a": text, "b": [text]}
