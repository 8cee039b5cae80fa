"""A plan whose hooks change objects of the source says which rights that takes."""

from __future__ import annotations

from migration_ops.cluster import ApiResource, Discovery
from migration_ops.migration import Plan
from migration_ops.migration.hook_rights import hook_grants, hook_permissions

PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "vault": {"conn_id": "v"},
        "movers": {"image": "mover:1"},
        "quiesce": {
            "hooks": [
                {"before": "quiesce", "patch": {
                    "apiVersion": "db.example.com/v1", "kind": "Proxy", "namespace": "shop", "name": "main",
                    "merge": {"spec": {"paused": True}}}},
                {"after": "resume", "patch": {
                    "apiVersion": "db.example.com/v1", "kind": "Proxy", "namespace": "shop", "name": "main",
                    "merge": {"spec": {"paused": None}}}},
                {"before": "quiesce", "exec": {"pod": "db-0", "command": ["true"]}},
            ]
        },
    }
)  # fmt: skip


def test_each_kind_that_hooks_patch_is_asked_for_once_by_its_served_name() -> None:
    served = Discovery((ApiResource("db.example.com", "v1", "Proxy", "proxies", namespaced=True),))
    assert [str(one) for one in hook_permissions(PLAN, served)] == ["patch proxies.db.example.com in shop"]
    assert [rule.rule() for rule in hook_grants(PLAN, served)] == [
        {"apiGroups": ["db.example.com"], "resources": ["proxies"], "verbs": ["patch"]}
    ]


def test_without_a_cluster_the_name_is_a_guess() -> None:
    assert [one.resource for one in hook_permissions(PLAN)] == ["proxys"]
