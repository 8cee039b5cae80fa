"""What the pages show, to whom, and what they never show."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace

import pytest

from migration_ops.mover import run_key
from migration_ops.vault import init_repository
from migration_ops.vault.errors import StorageUnavailable

from .conftest import (
    FULL,
    HOSTILE,
    INCREMENT,
    RUN,
    SECRET_VALUE,
    STORE_KEY,
    VAULT_PASSWORD,
    FakeAirflow,
    Hook,
    encoded,
)

POINT = f"/plans/shop/points/{INCREMENT}"
PAGES = [
    "/",
    "/plans/shop",
    "/plans/shop/points",
    "/plans/shop/volumes/shop/data",
    "/plans/shop/runs",
    f"/plans/shop/runs/{RUN}",
    POINT,
    f"{POINT}/claims",
    f"{POINT}/objects",
    f"{POINT}/out",
    f"{POINT}/findings",
    f"{POINT}/object?key=core/ConfigMap/shop/settings",
    f"{POINT}/object?key=core/Secret/shop/keys",
    f"{POINT}/object?key=apps/Deployment/shop/web",
]
WITH_JSON = [path for path in PAGES if path != "/"]
OTHERS = [
    "/assets/pages.css",
    "/assets/pages.js",
    "/assets/icon.svg",
    "/assets/icon-dark.svg",
    "/openapi.json",
]
EVERYTHING = [
    *PAGES,
    *OTHERS,
    "/api/plans",
    *(f"/api{path}" for path in WITH_JSON),
    f"/plans/shop/runs/{RUN}/report",
]


def routes(application):
    return {route.path for route in application.routes}


def test_the_list_above_has_every_route(pages):
    application = pages().application
    patterns = {path: re.sub(r"\{[^}]+\}", "[^/]+", path) + "$" for path in routes(application)}
    missed = [
        path
        for path, pattern in patterns.items()
        if not any(re.match(pattern, one.partition("?")[0]) for one in EVERYTHING)
    ]
    assert missed == []


def test_nobody_sees_anything_without_logging_in(pages):
    nobody = pages(user=False)
    assert {nobody.get(path).status_code for path in EVERYTHING} == {401}


def test_a_user_without_permission_is_refused_by_every_route(pages):
    refused = pages(role=None)
    answers = {path: refused.get(path) for path in EVERYTHING}
    assert {answer.status_code for answer in answers.values()} == {403}
    assert all("shop" not in answer.text.replace("/plans/shop", "") for answer in answers.values())


def test_what_there_is_not_is_refused_before_it_is_looked_for(pages):
    assert pages(role=None).get("/plans/nothing").status_code == 403
    assert pages().get("/plans/nothing").status_code == 404


def test_pages_are_shown_whole_and_escape_hostile_names(pages):
    shown = pages()
    for path in PAGES:
        answer = shown.settled(path)
        assert answer.status_code == 200, path
        assert answer.text.rstrip().endswith("</html>"), path
        assert HOSTILE not in answer.text, path
        assert "script-src 'self'" in answer.headers["content-security-policy"], path


def test_hostile_names_are_shown_as_text(pages):
    shown = pages()
    for path in ("/plans/shop", f"{POINT}/out", f"{POINT}/findings", f"{POINT}/objects", f"{POINT}/claims"):
        assert html.escape(HOSTILE) in shown.settled(path).text, path


def test_no_secret_value_is_ever_shown(pages):
    shown = pages()
    secrets = [SECRET_VALUE, encoded(SECRET_VALUE), encoded(SECRET_VALUE + "2"), VAULT_PASSWORD, STORE_KEY]
    paths = [*EVERYTHING, *(path.replace(INCREMENT, FULL) for path in EVERYTHING if INCREMENT in path)]
    texts = {path: shown.settled(path).text for path in paths}
    assert [(path, secret) for path, text in texts.items() for secret in secrets if secret in text] == []


def test_a_secrets_diff_tells_its_keys_and_whether_values_differ(pages):
    text = pages().settled(f"{POINT}/object?key=core/Secret/shop/keys").text
    prints = re.findall(r"fingerprint ([0-9a-f]{12})", text)
    assert "/data/password" in text
    assert len(set(prints)) == len(prints) == 2
    assert '<span class="plus">shop-prod</span>' in text


def test_a_diff_names_the_rule_of_each_change(pages):
    (change,) = pages().settled(f"/api{POINT}/object?key=apps/Deployment/shop/web").json()["changes"]
    assert change["rule"] == "local/env"
    assert change["before"] is None
    assert "(secret)" in change["after"]


def test_a_plan_tells_its_state(pages):
    (line,) = pages().settled("/api/plans").json()["plans"]
    assert (line["points"], line["last"]["id"], line["staged"]) == (2, INCREMENT, True)


def test_a_finished_plan_says_so_and_forecasts_nothing(pages):
    (line,) = pages().settled("/api/plans").json()["plans"]
    assert line["finished"] is not None
    assert (line["moved"], line["change_rate"], line["downtime"]) == (True, None, None)
    assert ">finished<" in pages().settled("/").text
    assert "nothing is forecast any more" in pages().settled("/plans/shop").text


def test_restore_points_are_listed_newest_first_with_what_they_added(pages):
    listed = pages().settled("/api/plans/shop/points").json()
    assert [one["id"] for one in listed["items"]] == [INCREMENT, FULL]
    assert all(one["bytes"] > one["added_bytes"] > 0 for one in listed["items"])


def test_a_search_finds_objects_by_words_in_any_case(pages):
    found = pages().settled(f"/api{POINT}/objects?q=WEB%20deployment").json()
    assert [one["name"] for one in found["items"]] == ["web"]
    assert pages().settled(f"/api{POINT}/objects?kind=Secret").json()["total"] == 1
    assert pages().settled(f"/api{POINT}/objects?q=nothing-like-it").json()["total"] == 0


def test_a_page_beyond_the_last_shows_the_last(pages):
    found = pages().settled(f"/api{POINT}/objects?page=999").json()
    assert (found["page"], found["pages"], len(found["items"])) == (1, 1, 3)


def test_what_is_out_is_listed_with_the_reason_and_who_decided(pages):
    listed = pages().settled(f"/api{POINT}/out").json()["items"]
    assert {(one["object"], one["origin"]) for one in listed} == {
        (HOSTILE, "selection"),
        ("v1/Endpoints/shop/db", "rule cleanup/x"),
    }


def test_a_run_shows_its_steps_and_the_downtime(pages):
    report = pages().settled(f"/api/plans/shop/runs/{RUN}").json()["report"]
    assert report["downtime_seconds"] == pytest.approx(65)
    assert [one["name"] for one in report["timeline"] if one["down"]][:2] == ["quiesce-begun", "quiesce"]


def test_a_vault_that_is_away_is_named_and_the_page_is_shown(pages):
    class Away:
        location = "s3:https://store/bucket"

        def credentials(self):
            return SimpleNamespace(environment={"RESTIC_PASSWORD": VAULT_PASSWORD})

        def get_conn(self):
            raise StorageUnavailable(f"https://store did not answer, password {VAULT_PASSWORD}")

    answer = pages(hook=lambda _: Away()).settled("/plans/shop")
    assert answer.status_code == 200
    assert "vault shop_vault" in answer.text
    assert "did not answer" in answer.text
    assert VAULT_PASSWORD not in answer.text
    for claimed in (
        "has no restore point",
        "nothing is there",
        "none yet",
        "No run has stopped",
        "Nothing was",
    ):
        assert claimed not in answer.text


@pytest.mark.parametrize("under", ["", "/claims", "/objects", "/out", "/findings"])
def test_a_restore_point_of_a_vault_that_is_away_is_not_known_rather_than_empty(pages, under):
    def away(_):
        raise StorageUnavailable("https://store did not answer")

    answer = pages(hook=away).settled(f"/plans/shop/points/{INCREMENT}{under}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    text = html.unescape(answer.text)
    assert "did not answer" in text
    for claimed in (
        "0 claims",
        "0 objects",
        "0 are out",
        "0 finding",
        "matches",
        "found nothing",
        "not been run",
    ):
        assert claimed not in text
    assert not under or "ot known" in text


@pytest.mark.parametrize("thing", ["points/NOPE", "points/NOPE/claims", "runs/nope", "runs/nope/report"])
def test_what_there_is_not_is_told_once_the_vault_has_answered_and_is_not_known_before(pages, thing):
    def away(_):
        raise StorageUnavailable("https://store did not answer")

    shown = pages()
    shown.settled("/plans/shop")
    assert shown.settled(f"/plans/shop/{thing}").status_code == 404
    silent = pages(hook=away).settled(f"/plans/shop/{thing}")
    assert (silent.status_code, silent.headers["retry-after"]) == (503, "1")
    assert "did not answer" in silent.text
    if thing in {"points/NOPE", "runs/nope"}:
        assert "isn't known while the vault can't be asked" in html.unescape(silent.text)


def test_a_point_on_which_the_rules_were_not_run_is_told_from_one_without_findings(pages):
    shown = pages()
    assert "The rules have not been run" in shown.settled(f"/plans/shop/points/{FULL}/findings").text
    assert "2 findings of the rules" in shown.settled(f"/plans/shop/points/{INCREMENT}/findings").text
    searched = shown.settled(f"/plans/shop/points/{INCREMENT}/findings?q=nowhere").text
    assert "No finding matches." in searched


def test_a_run_of_a_vault_that_is_away_claims_nothing_of_its_journal(pages):
    def away(_):
        raise StorageUnavailable("https://store did not answer")

    run = {
        "dag_id": "shop.cutover",
        "dag_run_id": "manual__1",
        "state": "success",
        "run_after": "2026-11-22T12:00:00Z",
        "start_date": "2026-11-22T12:00:00Z",
        "end_date": "2026-11-22T12:01:00Z",
    }
    airflow = FakeAirflow({"/dags/~/dagRuns": {"dag_runs": [run], "total_entries": 1}})
    name = run_key("shop.cutover", "manual__1")
    text = html.unescape(pages(hook=away, airflow=airflow).settled(f"/plans/shop/runs/{name}").text)
    assert "isn't known while the vault can't be asked" in text
    assert "wrote nothing" not in text


def test_a_vault_without_a_restore_point_is_told_from_one_that_is_away(pages, tmp_path):
    location = str(tmp_path / "vault")
    init_repository(location, VAULT_PASSWORD)
    text = pages(hook=lambda _: Hook(location)).settled("/plans/shop").text
    assert "has no restore point" in text
    assert "not known: the vault" not in text


def test_what_only_the_vault_knows_of_a_plan_is_null_while_it_cannot_be_asked(pages, tmp_path):
    def fails(_):
        raise RuntimeError("away")

    names = ("vault_read", "points", "last", "moved", "staged", "stopped", "finished")
    away = pages(hook=fails)
    listed, own = (
        away.settled("/api/plans").json()["plans"][0],
        away.settled("/api/plans/shop").json()["plan"],
    )
    assert [listed[name] for name in names] == [own[name] for name in names] == [False, *[None] * 6]
    location = str(tmp_path / "vault")
    init_repository(location, VAULT_PASSWORD)
    empty = pages(hook=lambda _: Hook(location)).settled("/api/plans").json()["plans"][0]
    assert [empty[name] for name in names[:4]] == [True, 0, None, False]


def test_errors_of_others_are_not_quoted(pages):
    def fails(_):
        raise RuntimeError(f"broken: {STORE_KEY}")

    text = pages(hook=fails).settled("/").text
    assert "RuntimeError" in text
    assert STORE_KEY not in text


def test_a_cluster_that_cannot_be_asked_is_named(pages):
    assert "shop_target is not reachable from here" in html.unescape(pages().settled("/plans/shop").text)


def test_an_airflow_that_does_not_answer_is_named(pages):
    airflow = FakeAirflow()
    airflow.answers.clear()
    assert "Airflow&#39;s API answered 404" in pages(airflow=airflow).settled("/").text


def test_an_open_approval_links_into_airflow(pages):
    task = {"dag_id": "shop.cutover", "dag_run_id": "run 1", "task_id": "approve"}
    question = {"task_instance": task, "subject": HOSTILE, "created_at": "2026-11-22T12:00:00Z"}
    airflow = FakeAirflow({"/dags/~/dagRuns/~/hitlDetails": {"hitl_details": [question]}})
    text = pages(airflow=airflow).settled("/").text
    assert 'href="/dags/shop.cutover/runs/run%201/tasks/approve/required_actions"' in text
    assert HOSTILE not in text


def test_a_plan_file_that_cannot_be_used_is_named_with_its_line(pages, plans):
    (plans / "broken.yaml").write_text("name: [")
    text = pages().settled("/").text
    assert "broken.yaml:1" in text
    assert "shop" in text


def test_the_report_page_cannot_run_anything(pages):
    from migration_ops.ui.served_report import POLICY

    assert "default-src 'none'" in POLICY
    assert "sandbox" in POLICY
    assert "script" not in POLICY
    answer = pages().settled(f"/plans/shop/runs/{RUN}/report")
    assert answer.headers["content-security-policy"] == POLICY
    assert "<script" not in answer.text
    assert answer.text.rstrip().endswith("</html>")


def test_a_report_leads_back_and_has_the_readers_colours(pages):
    address = f"/plans/shop/runs/{RUN}/report"
    plain, dark, light = (
        pages().settled(address + theme).text for theme in ("", "?theme=dark", "?theme=light")
    )
    for text in (plain, dark, light):
        assert re.findall(r"<nav.*</nav>", text)[0].count('href="/plans/shop') == 2
        assert f'href="/plans/shop/runs/{RUN}"' in text
    assert "prefers-color-scheme" in plain
    assert "prefers-color-scheme" not in dark + light
    assert "@media all {" in dark
    assert "@media not all {" in light
    assert pages().get(address + "?theme=pink").status_code == 422


def test_a_run_without_a_report_is_said_to_have_none(pages):
    assert pages().settled("/plans/shop/runs/manual-2026-11-22-dddddddd/report").status_code == 404
