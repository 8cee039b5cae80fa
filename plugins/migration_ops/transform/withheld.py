"""What a report of changes doesn't repeat: contents of Secrets, and values that look like passwords.

A keyed fingerprint stands for each value: enough to see whether a value was changed, useless to guess it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any

import orjson

from migration_ops.transform.secret_texts import changed_words, may_hold_secrets

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEY = secrets.token_bytes(32)
"""Of this process: reports of one run can be compared, and nobody can test guesses."""

_SECRET_MEMBERS = (("data",), ("stringData",), ("metadata", "annotations"))
_SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|credential|private|[_-]key|apikey|auth|licen[cs]e|dsn$", re.IGNORECASE
)
_NAMES_OF_OTHERS = re.compile(
    r"secret(name|providerclass|ref)$|automount|expiration|author(?!iz)", re.IGNORECASE
)
"""Fields that name a Secret, or say how a token is made."""
_CREDENTIALS_OF_URL = re.compile(r"(?<=://)[^/@\s:]*:[^/\s]+(?=@)")


def fingerprint_of(value: Any, key: bytes = _KEY) -> str:
    """Give a text that stands for a value.

    :param value: any JSON value.
    :param key: keeps others from testing guesses.
    """
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return f"(secret, fingerprint {hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:12]})"


def looks_secret(name: Any) -> bool:
    """Whether a variable's or key's name says that its value is secret.

    :param name: such as `DB_PASSWORD`.
    """
    return (
        isinstance(name, str)
        and _SECRET_NAME.search(name) is not None
        and _NAMES_OF_OTHERS.search(name) is None
    )


def shown_change(kind: str, path: str, before: Any, after: Any, *, secret: bool = False) -> tuple[Any, Any]:
    """Give what a value was and what it is as a report may show it.

    Of a text that may hold secrets only the words are shown that changed.

    :param kind: of the object.
    :param path: JSON pointer to the value.
    :param before: what was there.
    :param after: what is there.
    :param secret: what stands beside it says that it is secret.
    """
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])
    if secret or (parts and looks_secret(parts[-1])):
        return _fingerprint(before), _fingerprint(after)
    of_secret = kind == "Secret"
    if isinstance(before, str) and isinstance(after, str) and not _of_secret(of_secret, parts):
        texts = (before, after)
        if any(may_hold_secrets(text) or " " in text or "://" in text for text in texts):
            words = changed_words(before, after)
            if words is not None:
                return words
    return _shown(of_secret, parts, before), _shown(of_secret, parts, after)


def _fingerprint(value: Any) -> Any:
    return fingerprint_of(value) if isinstance(value, str | dict | list) else value


def _of_secret(of_secret: bool, parts: tuple[str, ...]) -> bool:
    return LAST_APPLIED in parts or (
        of_secret and any(parts[: len(place)] == place for place in _SECRET_MEMBERS)
    )


def _shown(of_secret: bool, parts: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, dict):
        named = looks_secret(value.get("name"))
        return {
            name: fingerprint_of(inner)
            if (named and name == "value" and inner is not None)
            or (isinstance(inner, str) and looks_secret(name))
            else _shown(of_secret, (*parts, name), inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_shown(of_secret, (*parts, str(index)), inner) for index, inner in enumerate(value)]
    if value is not None and _of_secret(of_secret, parts):
        return fingerprint_of(value)
    if not isinstance(value, str):
        return value
    shown = _CREDENTIALS_OF_URL.sub("", value)
    if may_hold_secrets(shown):
        return fingerprint_of(value)
    return _CREDENTIALS_OF_URL.sub(lambda found: fingerprint_of(found[0]), value)
