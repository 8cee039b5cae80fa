"""Staged claims whose source has changed meanwhile."""

import pytest

from migration_ops.migration.readiness_report.staged_claims import check_staged_claims

OURS = {"migration-ops.io/plan": "shop", "migration-ops.io/run": "r"}


def claim(name="data", size="1Gi", labels=OURS, staged=True, **spec):
    annotations = {"migration-ops.io/staged-snapshot": "abc"} if staged else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "shop-prod", "labels": labels, "annotations": annotations},
        "spec": {"storageClassName": "essd", "resources": {"requests": {"storage": size}}, **spec},
    }


def check(wanted, there, *, grows=False):
    classes = [{"metadata": {"name": "essd"}, "allowVolumeExpansion": grows}]
    return check_staged_claims("shop", wanted, there, classes)


def test_a_claim_that_fits_says_nothing():
    assert check([claim()], [claim()]) == []


def test_a_source_that_grew_is_followed_where_the_class_allows_that():
    (told,) = check([claim(size="2Gi")], [claim()], grows=True)
    assert told.severity == "info"
    (told,) = check([claim(size="2Gi")], [claim()])
    assert (told.severity, told.object) == ("warning", "v1/PersistentVolumeClaim/shop-prod/data")
    assert "has 1Gi, its source grew to 2Gi" in told.reason
    assert "delete it in the target" in told.suggestion


def test_a_larger_staged_claim_is_fine():
    assert check([claim(size="1Gi")], [claim(size="20Gi")]) == []


def test_a_source_that_vanished_is_told():
    (told,) = check([], [claim()])
    assert "its source is gone" in told.reason


@pytest.mark.parametrize(
    "there", [claim(labels={}), claim(labels={**OURS, "migration-ops.io/plan": "other"}), claim(staged=False)]
)
def test_claims_of_others_and_claims_without_data_are_no_leftovers(there):
    assert check([], [there]) == []


def test_what_a_claim_cannot_change_is_told():
    (told,) = check([claim(volumeMode="Block")], [claim(volumeMode="Filesystem")])
    assert "volumeMode" in told.reason
