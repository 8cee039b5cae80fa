"""A second try of the stop knows of the first: hooks aren't run again, and the downtime goes on."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from migration_ops.cluster import QuiescedWorkload, QuiesceRecord
from migration_ops.migration import stopping, vault_records
from migration_ops.migration.events import HOOKS_BEGUN, QUIESCE_BEGUN, QUIESCED
from migration_ops.migration.journal import Journal
from migration_ops.operators.cutover import QuiesceOperator
from migration_ops.vault import init_repository

WEB = QuiescedWorkload("apps/v1/Deployment/shop/web", 1, {"replicas": 2})
RUN_AFTER = datetime(2026, 11, 23, tzinfo=UTC)
RECORD = QuiesceRecord("shop", "r", ("shop",), "2026-11-23T00:00:00+00:00", workloads=(WEB,))


class TimeoutOfPods(Exception):  # noqa: N818
    """Some pods don't go."""


def test_the_first_tries_hooks_and_beginning_count(monkeypatch, tmp_path, plan):
    tries = []

    def stop(*_arguments, on_hooks, on_record, begun, **_options):
        tries.append(begun)
        if not begun:
            on_hooks()
        on_record(RECORD)
        if len(tries) == 1:
            raise TimeoutOfPods
        return RECORD, []

    repository = init_repository(str(tmp_path / "vault"), "password")
    journal = Journal(repository, "shop", "source")
    monkeypatch.setattr(vault_records, "latest_restore_point", lambda *_: None)
    monkeypatch.setattr(stopping, "stop_source", stop)
    for name, value in {
        "journal": journal,
        "repository": repository,
        "source": None,
        "source_hook": SimpleNamespace(api_client=None),
    }.items():
        monkeypatch.setattr(QuiesceOperator, name, value)
    pushed = {}
    context = {
        "dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="r1", run_after=RUN_AFTER),
        "ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value})),
    }
    step = QuiesceOperator(task_id="quiesce", plan=plan)

    with pytest.raises(TimeoutOfPods):
        QuiesceOperator.execute.__wrapped__(step, context)
    assert QuiesceOperator.execute.__wrapped__(step, context) == []

    assert tries == [False, True]
    assert pushed["stopped"] == [WEB.object]
    found = journal.events()
    assert [event.name for event in found] == [HOOKS_BEGUN, QUIESCE_BEGUN, QUIESCED]
    assert len({event.began for event in found}) == 1
