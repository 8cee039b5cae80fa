"""Looks for secrets where none may be: Airflow's logs and whole database, and the reports in the vault."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy

from migration_ops.vault import StoreSettings, list_snapshots, open_repository, read_file
from tests.demo.ground import ObjectStore
from tests.demo.workspace import Workspace

# Where Airflow keeps connections by itself; encrypted, but not what is looked for here.
_NOT_LOOKED_AT = frozenset({"connection", "alembic_version"})


def secrets_of(workspace: Workspace, store: ObjectStore) -> dict[str, str]:
    """Return every secret of the demo that migrations touch, by what it is."""
    return {
        "the shop's database password": workspace.secret("shop-database-password"),
        "the vault's password": workspace.secret("vault-password"),
        "the S3 secret key": store.secret_key,
        "the S3 access key": store.access_key,
    }


def leaks(workspace: Workspace, store: ObjectStore) -> tuple[list[str], int]:
    """Search everything that Airflow wrote and every report for every secret, plain and encoded.

    :return: where something was found, and how many texts were searched
    """
    wanted = {
        encoded: name
        for name, secret in secrets_of(workspace, store).items()
        for encoded in (
            secret,
            base64.b64encode(secret.encode()).decode().rstrip("="),
            quote(secret, safe=""),
        )
    }
    found, searched = [], 0
    for place, text in _texts(workspace, store):
        searched += 1
        found += [f"{name} in {place}" for encoded, name in wanted.items() if encoded in text]
    return sorted(set(found)), searched


def _texts(workspace: Workspace, store: ObjectStore) -> Iterator[tuple[str, str]]:
    yield from _files(workspace.airflow_home / "logs")
    yield from _files(workspace.logs)
    environment = json.loads((workspace.airflow_home / "environment.json").read_text())
    yield from _tables(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    yield from _reports(workspace, store)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), path.read_text(errors="replace")


def _tables(address: str) -> Iterator[tuple[str, str]]:
    """Every row of every table: XComs, rendered templates, questions, serialised DAGs, states, triggers."""
    engine = sqlalchemy.create_engine(address)
    try:
        names = sqlalchemy.inspect(engine).get_table_names()
        with engine.connect() as connection:
            for name in sorted(set(names) - _NOT_LOOKED_AT):
                rows = connection.execute(sqlalchemy.text(f'SELECT * FROM "{name}"')).mappings()
                for row in rows:
                    yield f"table {name}", _row_text(row)
    finally:
        engine.dispose()


def _row_text(row: Mapping[Any, Any]) -> str:
    return "\n".join(
        bytes(value).decode("utf-8", errors="replace")
        if isinstance(value, bytes | memoryview)
        else json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, dict | list)
        else str(value)
        for value in row.values()
    )


def _reports(workspace: Workspace, store: ObjectStore) -> Iterator[tuple[str, str]]:
    environment = {
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    if store.ca_file:
        environment["RESTIC_CACERT"] = str(store.ca_file)
    repository = open_repository(
        store.location, workspace.secret("vault-password"), StoreSettings.from_environment(environment)
    )
    for snapshot in list_snapshots(repository, tags=["content=report"]):
        for file in ("report.html", "report.json"):
            yield f"{file} of {snapshot.id[:8]}", read_file(repository, snapshot.id, f"/{file}").decode()
    for snapshot in list_snapshots(repository, tags=["content=journal"]):
        text = read_file(repository, snapshot.id, "/event.json").decode()
        yield f"journal {snapshot.id[:8]}", text
