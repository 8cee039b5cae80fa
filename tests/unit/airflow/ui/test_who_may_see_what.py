"""Every route that the application has asks Airflow whether the user may see what it shows."""

from __future__ import annotations

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

from .routes import address_of, addresses_of, patterns_of

LISTS = {"/", "/api/plans"}


@pytest.fixture
def refuse(monkeypatch):
    """Lets Airflow refuse some kinds of access to DAGs, and grant everything else."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    def set_up(*entities):
        def is_authorized(self, *, access_entity=None, **_):
            return access_entity not in entities

        monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", is_authorized)

    return set_up


def test_every_route_refuses_who_is_not_logged_in(pages):
    nobody = pages(user=False)
    answers = {path: nobody.get(path).status_code for path in addresses_of(nobody.application)}
    assert set(answers.values()) == {401}, answers


def test_every_route_refuses_who_has_no_permission(pages):
    refused = pages(role=None)
    answers = {path: refused.get(path).status_code for path in addresses_of(refused.application)}
    assert set(answers.values()) == {403}, answers


def test_every_route_of_a_plan_refuses_who_may_not_read_its_runs(pages, refuse):
    refuse(DagAccessEntity.RUN, DagAccessEntity.XCOM)
    user = pages()
    patterns = patterns_of(user.application)
    of_plans = [one for one in patterns if "{plan}" in one]
    assert {one: user.get(address_of(one)).status_code for one in of_plans} == dict.fromkeys(of_plans, 403)
    others = [one for one in patterns if "{plan}" not in one]
    assert {one: user.settled(address_of(one)).status_code for one in others} == dict.fromkeys(others, 200)


def test_the_list_leaves_out_what_one_may_not_read(pages, refuse):
    refuse(DagAccessEntity.RUN)
    user = pages()
    assert user.settled("/api/plans").json()["plans"] == []
    assert "/plans/shop" not in user.settled("/").text


def test_every_route_of_a_restore_point_refuses_who_may_not_read_what_tasks_hand_on(pages, refuse):
    refuse(DagAccessEntity.XCOM)
    user = pages()
    of_points = [one for one in patterns_of(user.application) if "{point}" in one]
    assert len(of_points) > 8
    assert {one: user.get(address_of(one)).status_code for one in of_points} == dict.fromkeys(of_points, 403)
    assert user.settled("/plans/shop").status_code == 200


@pytest.mark.parametrize(
    ("refused", "path", "right"),
    [
        (DagAccessEntity.RUN, "/plans/shop", "read the runs of DAG shop.backup"),
        (DagAccessEntity.XCOM, "/plans/shop/runs", "read the XComs of DAG shop.backup"),
        (None, "/", "see plugins (view Plugins)"),
    ],
)
def test_a_refusal_names_who_is_logged_in_and_the_right_that_is_missing(pages, refuse, refused, path, right):
    if refused:
        refuse(refused)
    user = pages(role="viewer" if refused else None)
    answer = user.get(path)
    said = f"somebody is logged in, and has no right to {right}"
    assert answer.status_code == 403
    assert "<h1>You may not see this</h1>" in answer.text
    assert said in answer.text
    assert 'aria-label="Where you are"' in answer.text
    assert said in user.get(f"/api{path}" if refused else "/api/plans").json()["detail"]


def test_nothing_can_be_changed_by_any_route(pages):
    user = pages(role="admin")
    assert all(route.methods == {"GET"} for route in user.application.routes)
