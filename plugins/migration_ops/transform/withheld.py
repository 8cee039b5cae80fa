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

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEY = secrets.token_bytes(32)
"""Of this process: reports of one run can be compared, and nobody can test guesses."""

_SECRET_MEMBERS = (("data",), ("stringData",), ("metadata", "annotations"))
_SECRET_NAME = re.compile(r"pass|pwd|secret|token|credential|private|_key|auth", re.IGNORECASE)
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
    return isinstance(name, str) and _SECRET_NAME.search(name) is not None


def withheld(kind: str, path: str, value: Any, *, secret: bool = False) -> Any:
    """Give a changed value as a report may show it.

    :param kind: of the object.
    :param path: JSON pointer to the value.
    :param value: what was or is there.
    :param secret: what stands beside it says that it is secret.
    """
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])
    of_config = kind == "ConfigMap" and parts[:1] in {("data",), ("binaryData",)} and looks_secret(parts[-1])
    if value is not None and (secret or of_config):
        return fingerprint_of(value)
    return _shown(kind == "Secret", parts, value)


def _shown(of_secret: bool, parts: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, dict):
        named = looks_secret(value.get("name"))
        return {
            name: fingerprint_of(inner)
            if named and name == "value" and inner is not None
            else _shown(of_secret, (*parts, name), inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_shown(of_secret, (*parts, str(index)), inner) for index, inner in enumerate(value)]
    if value is None:
        return None
    if LAST_APPLIED in parts or (
        of_secret and any(parts[: len(place)] == place for place in _SECRET_MEMBERS)
    ):
        return fingerprint_of(value)
    return (
        _CREDENTIALS_OF_URL.sub(lambda found: fingerprint_of(found[0]), value)
        if isinstance(value, str)
        else value
    )
