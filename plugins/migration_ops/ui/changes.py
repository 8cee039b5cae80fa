"""What the rules changed in one object, as a diff in which no secret can be read.

Of a Secret only the keys are shown, and a keyed fingerprint of each value: enough to see whether a value was
changed, useless to guess it. The values of a restore point's Secrets are taken out of all other texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from migration_ops.migration.withholding import secret_values
from migration_ops.transform.withheld import fingerprint_of
from migration_ops.ui.plan_state import Record
from migration_ops.ui.trouble import without
from migration_ops.vault.browse import find_node, list_files
from migration_ops.vault.errors import SnapshotNotFound
from migration_ops.vault.pack import BlobType
from migration_ops.vault.snapshot import find_snapshot

if TYPE_CHECKING:
    from migration_ops.vault import Repository

_SECRETS_FOLDER = "/resources/core/Secret"
_MOST_SECRETS = 3000
_LONGEST_VALUE = 4000
_NAMES = ("/apiVersion", "/kind", "/type", "/immutable", "/metadata/namespace", "/metadata/name")
"""Places of a Secret whose values are names."""


class ChangeLine(Record):
    """A place that a rule changed.

    :param before: what was there as YAML; none if nothing was.
    :param after: what is there now.
    """

    path: str
    rule: str
    before: str | None
    after: str | None


class TooManySecretsError(Exception):
    """A restore point has more Secrets than are read for a page."""


def change_lines(
    changes: Collection[Mapping[str, Any]], kind: str, secrets: Collection[str] | None, key: bytes
) -> list[ChangeLine]:
    """The changes of one object; what is only cleaned up comes last.

    :param changes: as the rules' report has them.
    :param kind: the object's kind.
    :param secrets: values that must not be shown; if they aren't known, no value is.
    :param key: of the fingerprints.
    """

    def shown(path: str, value: Any) -> str | None:
        if value is None:
            return None
        if kind == "Secret" and path not in _NAMES:
            return fingerprint(value, key)
        if secrets is None:
            return "(not shown: the Secrets of this restore point could not be read)"
        text = value if isinstance(value, str) else _yaml(cleaned(value, secrets))
        return _bounded(without(text, secrets))

    return [
        ChangeLine(
            path=without(str(one["path"]), secrets or ()),
            rule=str(one["rule"]),
            before=shown(str(one["path"]), one.get("from")),
            after=shown(str(one["path"]), one.get("to")),
        )
        for one in sorted(changes, key=lambda one: str(one["rule"]).startswith("cleanup/"))
    ]


def fingerprint(value: Any, key: bytes) -> str:
    """Keys, and of each value a fingerprint that nobody can test guesses with.

    :param key: secret of this Airflow.
    """
    if isinstance(value, dict):
        return (
            "\n".join(f"{name}: {fingerprint(inner, key)}" for name, inner in sorted(value.items())) or "{}"
        )
    return fingerprint_of(value, key)


def cleaned(value: Any, secrets: Collection[str]) -> Any:
    """A value without secrets in any of its texts, keys included."""
    if isinstance(value, str):
        return without(value, secrets)
    if isinstance(value, dict):
        return {without(str(name), secrets): cleaned(inner, secrets) for name, inner in value.items()}
    return [cleaned(one, secrets) for one in value] if isinstance(value, list) else value


def read_secret_values(repository: Repository, snapshot: str) -> frozenset[str]:
    """The values of a restore point's Secrets, to keep them out of texts.

    :param snapshot: of its resources.
    :raises TooManySecretsError: if reading them would take too long for a page.
    """
    of = find_snapshot(repository, snapshot)
    try:
        find_node(repository, of, _SECRETS_FOLDER)
    except SnapshotNotFound:
        return frozenset()
    nodes = [node for _, node in list_files(repository, of, _SECRETS_FOLDER) if node.content is not None]
    if len(nodes) > _MOST_SECRETS:
        raise TooManySecretsError

    def read(node: Any) -> Any:
        return orjson.loads(b"".join(repository.load_blob(BlobType.DATA, one) for one in node.content))

    with ThreadPoolExecutor(8, "secrets") as pool:
        return frozenset(secret_values(pool.map(read, nodes)))


def _yaml(value: Any) -> str:
    return (
        yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
        .removesuffix("...\n")
        .rstrip("\n")
    )


def _bounded(text: str) -> str:
    more = len(text) - _LONGEST_VALUE
    return text if more <= 0 else f"{text[:_LONGEST_VALUE]}\n... and {more} characters more"
