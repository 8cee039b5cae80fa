"""Claims of the target before they are filled: whose, how large, what they hold."""

from types import SimpleNamespace

import pytest

from migration_ops.cluster import Rejected
from migration_ops.migration import Plan
from migration_ops.migration.target_claims import (
    ClaimInUseError,
    enlarge_claims,
    held_snapshots,
    of_others,
    refuse_claims_in_use,
)

NAME = ("shop-prod", "data")


def plan_with(existing):
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
            "restore": {"existing": existing},
        }
    )


def claim(size="1Gi", plan="shop", held=""):
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "namespace": NAME[0],
            "name": NAME[1],
            "labels": {"migration-ops.io/plan": plan} if plan else {},
            "annotations": {"migration-ops.io/staged-snapshot": held} if held else {},
        },
        "spec": {"storageClassName": "essd", "resources": {"requests": {"storage": size}}},
    }


class Target:
    """A cluster that remembers patches."""

    def __init__(self, error=None):
        self.patches, self.error = [], error

    def patch(self, path, body, **_options):
        if self.error:
            raise self.error
        self.patches.append((path.rsplit("/", 1)[-1], body["spec"]["resources"]["requests"]["storage"]))


@pytest.fixture
def classes(monkeypatch):
    """The target's StorageClasses; tests change whether claims may grow."""
    found = [{"metadata": {"name": "essd"}, "allowVolumeExpansion": True}]
    monkeypatch.setattr("migration_ops.migration.target_claims.storage_classes", lambda _target: found)
    return found


def enlarge(target, there, wanted):
    said = []
    enlarge_claims(plan_with("skip"), target, [claim(wanted)], {NAME: there}, said.append)
    return said


def test_a_claim_grows_after_its_source(classes):
    target = Target()
    assert enlarge(target, claim("1Gi"), "2Gi") == ["Claim shop-prod/data grows from 1Gi to 2Gi"]
    assert target.patches == [("data", "2Gi")]


@pytest.mark.parametrize(
    "there", [claim("2Gi"), claim("20Gi"), claim("1Gi", plan=""), claim("1Gi", plan="other")]
)
def test_large_enough_claims_and_claims_of_others_stay(classes, there):
    target = Target()
    assert enlarge(target, there, "2Gi") == []
    assert target.patches == []


def test_what_cannot_grow_is_told_and_the_run_goes_on(classes):
    classes[0]["allowVolumeExpansion"] = False
    (said,) = enlarge(Target(), claim("1Gi"), "2Gi")
    assert "class essd doesn't let it grow" in said
    classes[0]["allowVolumeExpansion"] = True
    (said,) = enlarge(Target(Rejected("no", status=422)), claim("1Gi"), "2Gi")
    assert "can't grow" in said


@pytest.mark.parametrize("policy", ["skip", "update", "recreate", {"*": "update"}])
def test_claims_of_others_are_left_alone_unless_the_plan_names_claims(policy):
    claims = {NAME: claim(plan="")}
    assert of_others(plan_with(policy), claims) == {NAME}
    assert of_others(plan_with(policy), {NAME: claim()}) == set()
    assert of_others(plan_with({"PersistentVolumeClaim": "update"}), claims) == set()


def test_a_claim_that_somebody_copied_labels_and_all_is_his():
    copied = claim()
    written = {"f:metadata": {"f:labels": {"f:migration-ops.io/plan": {}}}}
    copied["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": written}]
    assert of_others(plan_with("update"), {NAME: copied}) == {NAME}


def test_a_claim_holds_only_what_the_vault_still_knows():
    repository = SimpleNamespace(backend=SimpleNamespace(list=lambda _kind: [("abc", 1)]))
    assert held_snapshots(repository, {NAME: claim(held="abc")}) == {NAME: "abc"}
    assert held_snapshots(repository, {NAME: claim(held="forgotten")}) == {}
    assert held_snapshots(SimpleNamespace(), {NAME: claim()}) == {}


def pod(name="web-0", phase="Running", labels=None):
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"volumes": volumes, "containers": [{}]},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize("running", [pod(), pod(phase="Pending")])
def test_a_claim_on_which_an_application_runs_is_never_filled(running):
    target = SimpleNamespace(get=lambda _path, **_options: {"items": [running]})
    with pytest.raises(ClaimInUseError, match="shop-prod/data by pod web-0"):
        refuse_claims_in_use(target, [NAME])


@pytest.mark.parametrize("other", [pod(phase="Succeeded"), pod(labels={"migration-ops.io/mover": "true"})])
def test_movers_and_pods_that_have_ended_are_in_nobodys_way(other):
    target = SimpleNamespace(get=lambda _path, **_options: {"items": [other]})
    refuse_claims_in_use(target, [NAME])
    refuse_claims_in_use(SimpleNamespace(), [])
