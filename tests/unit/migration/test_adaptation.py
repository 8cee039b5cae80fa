"""Whose cluster the source is, and what the plan tells the rules."""

import pytest
from pydantic import ValidationError

from migration_ops.cluster import AddressPolicy
from migration_ops.migration.adaptation import kept_addresses, rule_parameters, selection
from migration_ops.migration.plan import Plan
from migration_ops.migration.verified_resources import leaves_existing


@pytest.fixture
def make_plan():
    """A plan with some of its sections given."""

    def make(**sections):
        needed = {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
        }
        return Plan.model_validate(needed | sections)

    return make


def test_the_plan_knows_the_provider_better_than_the_cluster(make_plan):
    assert rule_parameters(make_plan()).source_provider is None
    assert rule_parameters(make_plan(), source_provider="eks").source_provider == "eks"
    told = make_plan(source={"conn_id": "a", "provider": "gke"})
    assert rule_parameters(told, source_provider="eks").source_provider == "gke"


def test_every_filter_of_the_plan_reaches_the_selection(make_plan):
    chosen = selection(
        make_plan(
            select={
                "namespaces": {"include": ["shop"], "exclude": ["shop-test"]},
                "label_selectors": ["app=web"],
                "resources": {"include": ["apps/*"], "exclude": ["apps/DaemonSet"]},
                "names": {"include": ["web-*"], "exclude": ["*-tmp"]},
                "cluster_scoped": "on",
                "secrets": "referenced",
                "volumes": {
                    "include": ["data-*"],
                    "exclude": ["shop/cache-*"],
                    "exclude_labels": ["tier=scratch"],
                    "exclude_storage_classes": ["local-*"],
                    "opt_in": True,
                },
            }
        )
    )
    assert chosen.namespaces_include == ("shop",)
    assert chosen.namespaces_exclude == ("shop-test",)
    assert chosen.label_selectors == ("app=web",)
    assert chosen.resources_include == ("apps/*",)
    assert chosen.resources_exclude == ("apps/DaemonSet",)
    assert (chosen.names_include, chosen.names_exclude) == (("web-*",), ("*-tmp",))
    assert chosen.cluster_scoped is True
    assert chosen.secrets == "referenced"
    assert chosen.volumes_include == ("*/data-*",)
    assert chosen.volumes_exclude == ("shop/cache-*",)
    assert chosen.volume_labels_exclude == ("tier=scratch",)
    assert chosen.storage_classes_exclude == ("local-*",)
    assert chosen.volumes_opt_in


def test_what_exists_may_be_treated_by_kind_and_addresses_kept(make_plan):
    per_kind = {"ConfigMap": "update", "apps/Deployment": "recreate"}
    plan = make_plan(restore={"existing": per_kind, "keep_addresses": ["node_ports"]})
    assert kept_addresses(plan) == AddressPolicy(node_ports=True)
    assert kept_addresses(make_plan()) == AddressPolicy()
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    assert not leaves_existing(plan, deployment)
    assert leaves_existing(plan, service)
    assert Plan.model_validate(plan.document()) == plan


@pytest.mark.parametrize(
    ("existing", "takes_over"),
    [
        ("skip", False),
        ("update", False),
        ("recreate", False),
        ({"*": "update", "ConfigMap": "recreate"}, False),
        ({"*": "update", "PersistentVolumeClaim": "skip"}, False),
        ({"PersistentVolumeClaim": "update"}, True),
        ({"/PersistentVolumeClaim": "recreate", "*": "fail"}, True),
    ],
)
def test_data_of_others_is_replaced_only_by_a_plan_that_names_claims(make_plan, existing, takes_over):
    plan = make_plan(restore={"existing": existing})
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    assert plan.restore.takes_over_claims is takes_over
    assert leaves_existing(plan, claim) is not takes_over


@pytest.mark.parametrize("existing", ["sometimes", {"ConfigMap": "sometimes"}, 3])
def test_an_unknown_policy_is_one_mistake(make_plan, existing):
    with pytest.raises(ValidationError) as caught:
        make_plan(restore={"existing": existing})
    (mistake,) = caught.value.errors()
    assert "skip, update, recreate, fail" in mistake["msg"]


@pytest.mark.parametrize(("written", "meant"), [("on", True), (True, True), ("off", False), ("auto", "auto")])
def test_cluster_scoped_may_be_written_as_people_write_switches(make_plan, written, meant):
    assert selection(make_plan(select={"cluster_scoped": written})).cluster_scoped == meant
