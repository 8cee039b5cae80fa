"""The plan as it holds in the scratch namespaces."""

from datetime import timedelta

from migration_ops.migration import Plan
from migration_ops.migration.rehearsal.scratch import rehearsal_plan, scratch_name

from .conftest import RUN


def test_every_namespace_gets_one_of_its_own_for_the_run(plan):
    there = rehearsal_plan(plan, {"shop", "payments"}, RUN)
    assert set(there.namespaces) == {"shop", "payments"}
    assert there.namespaces["shop"].startswith("rehearsal-")
    assert there.namespaces["shop"].endswith("-shop-prod")
    assert there.namespaces["payments"].endswith("-payments")
    assert set(there.namespaces.values()).isdisjoint(
        rehearsal_plan(plan, {"shop"}, "another").namespaces.values()
    )


def test_long_names_are_shortened_and_stay_different():
    names = {scratch_name(RUN, "a" * 62 + end) for end in "bc"}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)


def test_nothing_that_exists_is_overwritten(plan):
    assert rehearsal_plan(plan, {"shop"}, RUN).restore.existing == "skip"


def test_the_verification_is_as_patient_as_the_cutovers(plan):
    patient = plan.model_copy(
        update={"verify": plan.verify.model_copy(update={"settle": timedelta(minutes=7)})}
    )
    assert rehearsal_plan(patient, {"shop"}, RUN).verify.settle == timedelta(minutes=7)


def test_probes_ask_in_the_scratch_namespaces(plan):
    there = rehearsal_plan(plan, {"shop"}, RUN)
    web, db, other = there.verify.probes
    assert web.http.namespace == there.namespaces["shop"]
    assert db.exec.namespace is None
    assert other.http.namespace == "elsewhere"


def test_probes_can_be_left_out(plan):
    quiet = plan.model_copy(update={"rehearsal": plan.rehearsal.model_copy(update={"probes": False})})
    assert rehearsal_plan(quiet, {"shop"}, RUN).verify.probes == []


def test_names_of_services_are_followed_so_that_no_pod_finds_the_real_database(plan):
    assert rehearsal_plan(plan, {"shop"}, RUN).transform.params["rewrite_service_names"] is True


def test_it_goes_through_xcom_and_comes_back_the_same(plan):
    there = rehearsal_plan(plan, {"shop"}, RUN)
    assert Plan.model_validate(there.document()) == there
