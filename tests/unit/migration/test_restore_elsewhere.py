"""Where a restore goes: the plan's target, another cluster, back into the source."""

import pytest

from migration_ops.migration import Plan
from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.restore_elsewhere import restore_plan

DOCUMENT = {
    "apiVersion": "migration-ops/v1",
    "name": "shop",
    "source": {"conn_id": "old", "provider": "eks"},
    "target": {"conn_id": "new", "version": "1.32"},
    "vault": {"conn_id": "v"},
    "namespaces": {"shop": "shop-prod"},
    "transform": {"rules": ["api-versions", "eks-to-ack"], "storage_classes": {"gp2": "essd"}},
    "movers": {"image": "m"},
    "verify": {"probes": [{"http": {"service": "web", "namespace": "shop-prod"}}]},
}


@pytest.fixture
def plan():
    return Plan.model_validate(DOCUMENT)


def test_without_a_choice_it_is_the_plans_target(plan):
    there = restore_plan(plan, ["shop", "blog"])
    assert there.target == plan.target
    assert there.namespaces == {"shop": "shop-prod", "blog": "blog"}
    assert there.transform == plan.transform


def test_another_cluster_is_asked_for_its_own_version(plan):
    there = restore_plan(plan, ["shop"], conn_id="third", existing="recreate")
    assert (there.target.conn_id, there.target.version) == ("third", None)
    assert there.restore.existing == "recreate"
    assert not there.restore.takes_over_claims
    filled = restore_plan(plan, ["shop"], conn_id="third", existing="recreate", take_over_claims=True)
    assert filled.restore.existing == {"*": "recreate", "PersistentVolumeClaim": "update"}


def test_back_in_the_source_nothing_is_adapted(plan):
    there = restore_plan(plan, ["shop"], conn_id="old")
    assert there.namespaces == {"shop": "shop"}
    assert there.transform.rules == ["api-versions"]
    assert there.transform.storage_classes == {}
    assert there.verify.probes[0].http.namespace == "shop"


def test_namespaces_can_be_given_other_names_beside_what_runs(plan):
    there = restore_plan(plan, ["shop"], rename={"shop": "shop-yesterday"})
    assert there.namespaces == {"shop": "shop-yesterday"}
    assert there.verify.probes[0].http.namespace == "shop-yesterday"


def test_a_name_for_a_namespace_that_is_not_there_is_refused(plan):
    with pytest.raises(RestorePointError, match=r"rename: shpo is no namespace .* holds blog, shop"):
        restore_plan(plan, ["shop", "blog"], rename={"shpo": "shop-yesterday"})


def test_two_namespaces_never_become_one(plan):
    with pytest.raises(RestorePointError, match="another name"):
        restore_plan(plan, ["shop", "blog"], rename={"blog": "shop-prod"})


def test_a_plan_that_only_protects_restores_where_it_is_told(plan):
    protecting = plan.model_copy(update={"target": None})
    assert restore_plan(protecting, ["shop"], conn_id="dr").target.conn_id == "dr"
    with pytest.raises(RestorePointError, match="name the connection"):
        restore_plan(protecting, ["shop"])


@pytest.mark.parametrize("conn_id", ["", "old", "third"])
def test_it_goes_through_xcom_and_comes_back_the_same(plan, conn_id):
    there = restore_plan(plan, ["shop"], conn_id=conn_id)
    assert Plan.model_validate(there.document()) == there
