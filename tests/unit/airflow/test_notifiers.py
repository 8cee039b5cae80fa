"""People are told by real servers: an SMTP server and an HTTP server on this machine take what is sent."""

import asyncio
import email
import json
import logging
import socket
import threading
import time
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseNotifier, TaskGroup
from airflow.sdk.log import mask_secret

from migration_ops.migration import Plan
from migration_ops.migration.plan_notify import OCCASIONS, Notify
from migration_ops.notifiers import delivery, telling
from migration_ops.notifiers.delivery import deliver, make_notifier
from migration_ops.notifiers.failed_steps import FAILURE, failed_steps, note_failure
from migration_ops.notifiers.message import Message
from migration_ops.notifiers.plan_notifier import PlanNotifier, tell_late

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
HTTP = "airflow.providers.http.notifications.http.HttpNotifier"
RUN = SimpleNamespace(dag_id="shop.backup", run_id="scheduled__2026-11-22T01:00:00+00:00")
CONTEXT = {"dag_run": RUN, "run_id": RUN.run_id, "dag": None, "params": {}}


@pytest.fixture
def mails(monkeypatch):
    """Mails that arrived, parsed."""
    found = []

    class Mailbox:
        async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
            found.append(email.message_from_bytes(envelope.content, policy=default))
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(Mailbox(), hostname="127.0.0.1", port=port)
    server.start()
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_OPS_MAIL", json.dumps(connection))
    yield found
    server.stop()


@pytest.fixture
def posts(monkeypatch):
    """Bodies that were posted."""
    found = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AIRFLOW_CONN_OPS_HOOK", f"http://127.0.0.1:{server.server_port}")
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def plan_that_tells(plan):
    """A plan with these entries under `notify`."""

    def make(*entries):
        return Plan.model_validate(plan | {"notify": list(entries)})

    return make


def reported(facts, downtime):
    """The context of a cutover's last task, whose report said this."""
    said = {"facts": facts, "downtime_seconds": downtime}
    return CONTEXT | {"ti": SimpleNamespace(xcom_pull=lambda *, task_ids, key: said[key])}


def by_mail(**changes):
    return {"notifier": SMTP, "kwargs": {"smtp_conn_id": "ops_mail", "to": ["ops@example.com"]}} | changes


def by_http(**changes):
    return {"notifier": HTTP, "kwargs": {"http_conn_id": "ops_hook", "endpoint": "hook"}} | changes


def text_of(mail):
    return mail.get_body(("html", "plain")).get_content()


def test_a_finished_cutover_is_told_with_its_figures(plan_that_tells, mails, posts):
    plan = plan_that_tells(by_mail(), by_http())
    facts = "| step | took |\n| quiesce | 3 s |\n\nApprove to finish: the source stays stopped."
    assert telling.tell_finished(plan, reported(facts, 42.0)) == 2
    (mail,) = mails
    assert mail["Subject"] == "shop runs in the target after 42 s of downtime"
    assert "| quiesce | 3 s |" in text_of(mail)
    assert "Approve to finish" not in text_of(mail)
    (post,) = posts
    assert post["occasion"] == "finished"
    assert post["plan"] == "shop"
    assert post["url"].endswith("/dags/shop.backup/runs/scheduled__2026-11-22T01%3A00%3A00%2B00%3A00")


def test_only_who_wants_to_hear_of_it_is_told(plan_that_tells, mails, posts):
    plan = plan_that_tells(by_mail(on=["failure"]), by_http(on=["overrun"]))
    telling.tell_overrun(plan, CONTEXT, None, "backup")
    assert mails == []
    assert posts[0]["title"] == "The backup of shop did not fit into its window"


def test_own_words_take_the_place_of_ours(plan_that_tells, mails):
    kwargs = by_mail()["kwargs"] | {"subject": "[{{ message.plan }}] {{ message.occasion }}"}
    telling.tell_overrun(plan_that_tells(by_mail(kwargs=kwargs)), CONTEXT, None, "staging")
    assert mails[0]["Subject"] == "[shop] overrun"


class LastTask:
    """What Airflow gives a DAG's callback: a task of the run, which can be asked about the others."""

    task_id = "ended"

    def __init__(self, states, reasons):
        self.states, self.reasons = states, reasons

    def get_task_states(self, dag_id, run_ids):
        return dict.fromkeys(run_ids, self.states)

    def xcom_pull(self, *, task_ids, key, map_indexes=-1):
        assert key == FAILURE
        return self.reasons.get((task_ids, map_indexes))


def failed_run(states, reasons=None):
    run = SimpleNamespace(dag_id="shop.cutover", run_id="r1")
    with DAG("shop.cutover") as dag:
        for task_id in ("resources", "ended", "list_2"):
            EmptyOperator(task_id=task_id)
        with TaskGroup("fresh"):
            EmptyOperator(task_id="volume")
    return CONTEXT | {"dag_run": run, "dag": dag, "ti": LastTask(states, reasons or {})}


def test_a_failed_run_names_the_step_that_failed_and_why(plan_that_tells, mails):
    states = {"resources": "failed", "ended": "upstream_failed"}
    context = failed_run(states, {("resources", -1): "MigrationError: the quota is used up"})
    PlanNotifier(plan_that_tells(by_mail()), "failure").notify(context)
    assert mails[0]["Subject"] == "shop.cutover failed at resources"
    assert "- resources: MigrationError: the quota is used up" in text_of(mails[0])
    assert "/runs/r1/tasks/resources" in text_of(mails[0])
    assert "shop.rollback" in text_of(mails[0])


def test_volumes_that_failed_are_named_each_with_its_reason():
    states = {"fresh.volume_3": "failed", "fresh.volume_4": "success", "list_2": "failed"}
    first, second = failed_steps(failed_run(states, {("fresh.volume", 3): "MoverError: no space left"}))
    assert (first.task_id, str(first)) == ("fresh.volume", "fresh.volume_3: MoverError: no space left")
    assert (second.task_id, second.reason) == ("list_2", "")
    assert "its worker was killed" in str(second)


def test_an_airflow_that_does_not_say_what_failed_keeps_no_message_back(plan_that_tells, mails):
    last = SimpleNamespace(task_id="resources")
    run = SimpleNamespace(dag_id="shop.cutover", run_id="r1")
    notifier = PlanNotifier(plan_that_tells(by_mail()), "failure")
    notifier.notify(CONTEXT | {"dag_run": run, "dag": DAG("shop.cutover"), "ti": last})
    assert mails[0]["Subject"] == "shop.cutover failed"


def test_a_task_that_fails_keeps_its_reason_without_secrets():
    mask_secret("hidden-in-an-error")
    kept = {}
    task = SimpleNamespace(xcom_push=lambda key, value: kept.update({key: value}))
    note_failure({"ti": task, "exception": ValueError("no access with hidden-in-an-error")})
    assert kept == {FAILURE: "ValueError: no access with ***"}
    note_failure({"ti": task})


def test_a_question_is_told_with_its_facts_and_where_to_answer(plan_that_tells, posts):
    task = SimpleNamespace(
        task_id="finish",
        subject="Finish shop?",
        body="**40 s** of downtime",
        response_timeout="4:00:00",
        defaults=["Leave as it is"],
    )
    PlanNotifier(plan_that_tells(by_http()), "approval").notify({**CONTEXT, "task": task})
    (post,) = posts
    assert post["title"] == "Finish shop?"
    assert "**40 s** of downtime" in post["text"]
    assert "Without an answer within 4:00:00 the answer is: Leave as it is." in post["text"]
    assert post["url"].endswith("/tasks/finish/required_actions")


def test_a_late_backup_is_told_from_the_triggerer(plan_that_tells, mails, posts):
    entries = [one.model_dump(mode="json") for one in plan_that_tells(by_mail(), by_http()).notify]
    context = {"dag_run": {"dag_id": "shop.backup", "dag_run_id": "r1"}}
    asyncio.run(tell_late("shop", entries, "8:00:00", context=context))
    assert "8:00:00" in text_of(mails[0])
    assert posts[0]["url"].endswith("/dags/shop.backup/runs/r1")


def test_findings_are_told_when_somebody_has_to_decide(plan_that_tells, posts):
    plan = plan_that_tells(by_http())
    assert telling.tell_findings(plan, CONTEXT, {"info": 3, "warning": 1}, []) == 0
    lines = [f"decision: ingress {number}" for number in range(30)]
    telling.tell_findings(plan, CONTEXT, {"decision": 30}, lines)
    assert posts[0]["title"] == "shop: 30 findings need you"
    assert posts[0]["text"].endswith("… and 10 more")


def test_a_restore_point_that_lacks_something_is_told(plan_that_tells, posts):
    volume = {"namespace": "shop", "claim": "data", "warnings": ["/lost: permission denied"]}
    plan = plan_that_tells(by_http())
    assert telling.tell_warnings(plan, CONTEXT, {"point": "p1", "volumes": [volume | {"warnings": []}]}) == 0
    telling.tell_warnings(plan, CONTEXT, {"point": "p1", "volumes": [volume]})
    assert "shop/data: /lost: permission denied" in posts[0]["text"]


def test_no_secret_leaves_with_a_message(plan_that_tells, mails, posts):
    mask_secret("tr0ub4dor-marker")
    telling.tell_finished(plan_that_tells(by_mail(), by_http()), reported("password tr0ub4dor-marker", None))
    assert "tr0ub4dor-marker" not in mails[0].as_string() + json.dumps(posts)
    assert "***" in text_of(mails[0])


def test_what_a_message_says_is_shown_and_never_markup(plan_that_tells, mails):
    telling.tell_finished(plan_that_tells(by_mail()), reported("<script>alert(1)</script> {{ 7 * 7 }}", None))
    assert "&lt;script&gt;" in text_of(mails[0])
    assert "49" not in text_of(mails[0])


class Hanging(BaseNotifier):
    """Answers when nobody waits any more."""

    def notify(self, context):
        time.sleep(1)


class Raising(BaseNotifier):
    """Has a bad day."""

    def notify(self, context):
        raise RuntimeError("no luck today")


@pytest.mark.parametrize(
    ("notifier", "complaint"),
    [
        ("no.such.module.Notifier", "could not tell: "),
        ("pathlib.Path", "is no Airflow notifier"),
        (f"{__name__}.Raising", "no luck today"),
        (f"{__name__}.Hanging", "did not answer"),
    ],
)
def test_a_notifier_that_fails_never_fails_the_run(
    plan_that_tells, monkeypatch, caplog, posts, notifier, complaint
):
    monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(
        delivery,
        "import_string",
        lambda path: {"Raising": Raising, "Hanging": Hanging}.get(path.rpartition(".")[2]) or imported(path),
    )
    with caplog.at_level(logging.WARNING):
        said = telling.tell_overrun(plan_that_tells({"notifier": notifier}), CONTEXT, None, "backup")
    assert said == 0
    assert complaint in caplog.text


imported = delivery.import_string


def test_a_server_that_is_away_never_fails_the_run(plan_that_tells, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW_CONN_OPS_HOOK", "http://127.0.0.1:9")
    assert telling.tell_overrun(plan_that_tells(by_http()), CONTEXT, None, "backup") == 0
    assert "could not tell" in caplog.text


def test_a_notifier_of_any_kind_gets_a_title_and_a_text():
    class Chat(BaseNotifier):
        def __init__(self, *, text, channel="x"):
            super().__init__()
            self.text = text

    entry = Notify(notifier="chat.Chat")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "import_string", lambda _path: Chat)
        assert make_notifier(entry).text == "{{ message.text }}"


def test_who_names_no_occasion_hears_of_all():
    assert tuple(Notify(notifier="a.B").on) == OCCASIONS
    message = Message("late", "shop", "t", "b")
    assert deliver([], message, CONTEXT) == 0
