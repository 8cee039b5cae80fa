"""Steps that are cleared after the source was resumed ask for a new stop, and change nothing."""

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import Mock, create_autospec, patch

import pytest

from migration_ops.hooks.cluster import ClusterHook
from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.events import Event
from migration_ops.migration.journal import Journal
from migration_ops.mover import run_key
from migration_ops.operators.restore import ApplyResourcesOperator
from migration_ops.operators.verify import FinishOperator

CONTEXT = {"dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="one"), "ti": Mock(try_number=1)}
STOPPED = [["shop", "data"]]


@pytest.fixture
def journal():
    """The journal of a run whose stop `migration-ops resume` took back."""
    made = create_autospec(Journal, instance=True)
    run = run_key("shop.cutover", "one")
    moments = [datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (1, 2)]
    made.events.return_value = [
        Event(plan="shop", run=run, name="quiesce-begun", began=moments[0], ended=moments[0]),
        Event(
            plan="shop",
            run=run,
            name="resumed",
            began=moments[1],
            ended=moments[1],
            data={"by": "migration-ops resume"},
        ),
    ]
    return made


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ApplyResourcesOperator, {"adapted": "a"}),
        (FinishOperator, {"adapted": "a", "answer": {"approved_by": "ops"}}),
    ],
    ids=["apply", "finish"],
)
def test_a_step_of_the_stop_before_is_refused(plan, journal, kind, options):
    step = kind(task_id="step", plan=plan, stopped=STOPPED, **options)
    hook = create_autospec(ClusterHook, instance=True)
    step.__dict__ |= {"source_hook": hook, "target_hook": hook, "journal": journal, "repository": None}
    with (
        patch("migration_ops.migration.stillness.refuse_disturbed_once_saved", autospec=True) as looked,
        pytest.raises(DisturbedError, match=r"resumed by migration-ops resume at .*clear quiesce"),
    ):
        step.execute(CONTEXT)
    looked.assert_not_called()
    journal.write.assert_not_called()
