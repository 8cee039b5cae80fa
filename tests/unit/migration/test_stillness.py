"""A source that runs again stops the cutover, with the way out that fits the moment."""

from unittest.mock import create_autospec, patch

import pytest

from migration_ops.cluster import Cluster
from migration_ops.migration import Plan
from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.stillness import refuse_disturbed

PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "vault": {"conn_id": "v"},
        "movers": {"image": "m"},
    }
)


def refused(found, *, saved):
    source = create_autospec(Cluster, instance=True)
    source.name = "source"
    with patch("migration_ops.cluster.disturbances", autospec=True, return_value=found):
        refuse_disturbed(PLAN, source, [("shop", "data")], saved=saved)


def test_silence_is_consent():
    refused([], saved=True)


@pytest.mark.parametrize(
    ("saved", "way"), [(False, "saved once more"), (True, "is not in the target. Roll back")]
)
def test_what_runs_is_named_and_nobody_tries_again_by_himself(saved, way):
    lines = [f"v1/Pod/shop/web-{n} runs on" for n in range(12)]
    with pytest.raises(DisturbedError, match="source doesn't stand still") as raised:
        refused(lines, saved=saved)
    assert "web-9 runs on\nand 2 more" in str(raised.value)
    assert way in str(raised.value)
    assert not raised.value.retryable
