"""A claim whose data stays behind is kept or dropped by what mounts it, also while nothing runs."""

from __future__ import annotations

from typing import Any

from migration_ops.cluster.claims import PodMounts, list_claims
from migration_ops.cluster.selection import Selection


def claim(name: str, **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": "shop", "name": name, "annotations": annotations},
        "spec": {},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
    }


def stopped(kind: str, *claims: str, excludes: str = "", includes: str = "", **spec: Any) -> PodMounts:
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    annotations = {
        "backup.velero.io/backup-volumes-excludes": excludes,
        "backup.velero.io/backup-volumes": includes,
    }
    template = {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "main"}], "volumes": volumes},
    }
    workload = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"template": template, **spec},
    }
    mounts = PodMounts.of_template(workload)
    assert mounts is not None
    return mounts


CACHE = claim("cache", **{"migration-ops.io/exclude": "true"})


def test_an_excluded_claim_is_kept_empty_for_a_stopped_workload_that_mounts_it() -> None:
    taken, left, dropped = list_claims([CACHE], [stopped("Deployment", "cache")], Selection())
    assert (taken, dropped) == ([], [])
    assert "kept, empty" in left[0][1]


def test_an_excluded_claim_that_nothing_mounts_is_dropped() -> None:
    assert list_claims([CACHE], [], Selection())[2] == ["v1/PersistentVolumeClaim/shop/cache"]


def test_a_volume_that_velero_would_leave_out_is_left_out_while_its_workload_is_stopped() -> None:
    mounts = [stopped("Deployment", "scratch", excludes="scratch")]
    taken, left, _ = list_claims([claim("scratch")], mounts, Selection())
    assert taken == []
    assert "backup-volumes-excludes" in left[0][1]


def test_opting_in_takes_only_what_is_annotated_or_named_by_a_pod() -> None:
    chosen = Selection(volumes_opt_in=True)
    marked, named, other = claim("a", **{"migration-ops.io/include": "true"}), claim("b"), claim("c")
    mounts = [stopped("Deployment", "b", "c", includes="b")]
    taken, left, _ = list_claims([marked, named, other], mounts, chosen)
    assert [one.name for one in taken] == ["a", "b"]
    assert [name for name, _ in left] == ["v1/PersistentVolumeClaim/shop/c"]
    assert "backup.velero.io/backup-volumes" in left[0][1]


def test_claims_of_a_stateful_sets_templates_are_those_of_its_pods() -> None:
    templates = [{"metadata": {"name": "data"}}]
    mounts = [stopped("StatefulSet", excludes="data", volumeClaimTemplates=templates, replicas=2)]
    taken, _, _ = list_claims([claim("data-web-0"), claim("data-web-1")], mounts, Selection())
    assert taken == []


def test_the_claims_of_a_stateful_set_are_counted_from_its_first_ordinal() -> None:
    template = {"metadata": {"name": "data"}, "spec": {}}
    mounts = stopped("StatefulSet", volumeClaimTemplates=[template], replicas=2, ordinals={"start": 5})
    assert mounts.claims == (("data", "data-web-5"), ("data", "data-web-6"))
