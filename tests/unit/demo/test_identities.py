"""What counts as touching an object, and what a cluster does to it by itself."""

from __future__ import annotations

from typing import Any

from tests.demo.kube import identity


def deployment(**metadata: Any) -> dict[str, Any]:
    manager = [{"manager": "kube-controller-manager"}]
    return {
        "kind": "Deployment",
        "metadata": {"name": "notes", "uid": "1", "resourceVersion": "5", "managedFields": manager}
        | metadata,
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1},
    }


def test_a_status_that_changes_by_itself_is_no_touch() -> None:
    changed = deployment(resourceVersion="9") | {"status": {"readyReplicas": 0}}
    assert identity(changed) == identity(deployment())


def test_another_spec_label_or_uid_is_a_touch() -> None:
    for touched in (
        deployment() | {"spec": {"replicas": 0}},
        deployment(labels={"migration-ops.io/plan": "shop"}),
        deployment(annotations={"migration-ops.io/quiesced": "{}"}),
        deployment(uid="2"),
    ):
        assert identity(touched) != identity(deployment())


def test_our_own_field_manager_is_a_touch_even_without_a_change() -> None:
    assert identity(deployment(managedFields=[{"manager": "migration-ops"}])) != identity(deployment())
