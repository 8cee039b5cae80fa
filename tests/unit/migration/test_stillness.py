"""A source that runs again stops the cutover, with the way out that fits the moment."""

from unittest.mock import create_autospec, patch

import pytest

from migration_ops.cluster import Cluster, ClusterUnreachable, Forbidden, NotAuthenticated, ServerFailed
from migration_ops.migration import Plan
from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.stillness import (
    refuse_disturbed,
    refuse_disturbed_once_saved,
    silence,
)

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


GONE = ClusterUnreachable("read the version on source: no answer")


def looked_at(*, version=None, found=()):
    source = create_autospec(Cluster, instance=True)
    source.name = "source"
    source.get.side_effect = [version or {"gitVersion": "v1.30.0"}]
    with patch("migration_ops.cluster.disturbances", autospec=True, side_effect=[found]):
        return refuse_disturbed_once_saved(PLAN, source, [("shop", "data")])


def test_once_all_is_saved_a_source_that_is_gone_stops_nothing_and_is_told():
    assert "no answer" in looked_at(version=GONE)
    assert "no answer" in looked_at(found=GONE)
    assert "away" in looked_at(version=ServerFailed("away", status=503))


def test_once_all_is_saved_a_source_that_answers_is_judged_as_before():
    assert looked_at() == ""
    with pytest.raises(DisturbedError, match="Roll back"):
        looked_at(found=["v1/Pod/shop/web runs on"])
    with pytest.raises(Forbidden):
        looked_at(found=Forbidden("no right", status=403))


def test_before_all_is_saved_a_source_that_is_gone_stops_the_cutover():
    source = create_autospec(Cluster, instance=True)
    with (
        patch("migration_ops.cluster.disturbances", autospec=True, side_effect=GONE),
        pytest.raises(ClusterUnreachable),
    ):
        refuse_disturbed(PLAN, source, [("shop", "data")], saved=False)


def test_a_refusal_is_an_answer():
    source = create_autospec(Cluster, instance=True)
    source.get.side_effect = Forbidden("no right", status=403)
    assert silence(source, 1.0) == ""


def test_credentials_that_are_refused_are_a_failure_of_the_step():
    source = create_autospec(Cluster, instance=True)
    source.get.side_effect = NotAuthenticated("check the credentials", status=401)
    with pytest.raises(NotAuthenticated):
        silence(source, 1.0)
