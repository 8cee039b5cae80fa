"""What a connection repeats, for how long, and how it says that it gave up."""

from __future__ import annotations

import contextlib
import re
import socket
import time

import pytest
from kubernetes import client

from migration_ops.cluster import (
    AlreadyExists,
    ApiError,
    Cluster,
    ClusterUnreachable,
    Conflict,
    Forbidden,
    KubeconfigError,
    NotAuthenticated,
    NotFound,
    Rejected,
    ServerFailed,
)

from .conftest import FakeServer, Reply, status

VERSION = Reply({"gitVersion": "v1.32.1"})


@pytest.mark.parametrize(
    "trouble",
    [
        status(429, "too many requests"),
        status(503, "apiserver is shutting down"),
        status(504, "timeout"),
        status(500, "etcdserver: request timed out"),
        status(500, "the server was unable to respond", "ServerTimeout"),
        status(403, 'RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found', "Forbidden"),
        Reply({"gitVersion": "v1.32.1"}, cut=True),
    ],
    ids=["busy", "shutting down", "gateway", "store away", "server timeout", "roles not read", "cut off"],
)
def test_passing_trouble_is_waited_out(server: FakeServer, cluster: Cluster, trouble: Reply) -> None:
    server.on("/version", trouble, trouble, VERSION)
    assert cluster.version() == "v1.32.1"
    assert len(server.asked) == 3


@pytest.mark.parametrize("reply", [VERSION, status(404, "not found", "NotFound")], ids=["yes", "no"])
def test_the_moment_of_a_return_is_known_and_an_answer_at_once_is_none(
    server: FakeServer, cluster: Cluster, reply: Reply
) -> None:
    def ask() -> None:
        with contextlib.suppress(NotFound):
            cluster.version()

    server.on("/version", reply)
    ask()
    assert cluster.returned_at == float("-inf")

    began = time.monotonic()
    server.on("/version", status(503, "apiserver is shutting down"), reply)
    ask()
    assert began < cluster.returned_at <= time.monotonic()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (status(401, "Unauthorized"), NotAuthenticated),
        (status(403, "secrets is forbidden", "Forbidden"), Forbidden),
        (status(404, "not found", "NotFound"), NotFound),
        (status(409, "exists", "AlreadyExists"), AlreadyExists),
        (status(409, "modified", "Conflict"), Conflict),
        (status(422, "invalid", "Invalid"), Rejected),
        (status(400, "bad", "BadRequest"), Rejected),
        (status(500, "failed calling webhook"), ServerFailed),
    ],
)
def test_refusals_are_not_repeated(
    server: FakeServer, cluster: Cluster, reply: Reply, kind: type[ApiError]
) -> None:
    server.on("/version", reply)
    with pytest.raises(kind, match="read the version on fake: "):
        cluster.version()
    assert len(server.asked) == 1


def test_the_server_may_say_how_long_to_wait(server: FakeServer, cluster: Cluster) -> None:
    server.on("/version", Reply("busy", 429, {"Retry-After": "1"}), VERSION)
    began = time.monotonic()
    cluster.version()
    assert time.monotonic() - began > 0.9


def test_what_stays_away_is_named_with_address_and_remedy(server: FakeServer) -> None:
    impatient = Cluster(
        client.ApiClient(client.Configuration(host=server.address)), "away", retry_seconds=0.3
    )
    server.on("/version", status(503, "not ready"))
    with pytest.raises(ClusterUnreachable, match=f"on away: .*check that {server.address} is up") as caught:
        impatient.version()
    assert caught.value.retryable
    impatient.close()


def test_a_refused_connection_is_repeated_until_the_bound() -> None:
    nobody = Cluster(
        client.ApiClient(client.Configuration(host="http://127.0.0.1:9")), "nobody", retry_seconds=0.3
    )
    with pytest.raises(ClusterUnreachable, match="no answer"):
        nobody.version()
    nobody.close()


def test_why_there_was_no_answer_is_said_in_words_and_for_how_long_from_a_second_on() -> None:
    def said(seconds: float) -> ClusterUnreachable:
        nobody = Cluster(
            client.ApiClient(client.Configuration(host="http://127.0.0.1:9")), "old", retry_seconds=seconds
        )
        with pytest.raises(ClusterUnreachable) as caught, contextlib.closing(nobody):
            nobody.version()
        return caught.value

    remedy = "check that http://127.0.0.1:9 is up and reachable"
    brief = f"no answer (connection refused); {remedy}"
    at_once, later = said(0.0), said(1.0)
    assert (str(at_once), at_once.brief) == (f"read the version on old: {brief}", brief)
    assert re.search(r"no answer \(connection refused\) for [1-9]\d* s; check", str(later))
    assert later.brief == brief


def test_a_server_that_takes_the_request_and_is_silent_timed_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        cluster = Cluster(client.ApiClient(client.Configuration(host=address)), "old", retry_seconds=0.0)
        with pytest.raises(ClusterUnreachable, match=r"no answer \(timed out\)"):
            cluster.get("/version", timeout_seconds=0.1)
        cluster.close()


def test_the_token_is_sent_and_asked_for_anew_each_time(server: FakeServer) -> None:
    tokens = iter(["first", "second"])
    configuration = client.Configuration(host=server.address)

    def refresh(settings: client.Configuration) -> None:
        settings.api_key["authorization"] = f"Bearer {next(tokens)}"

    configuration.refresh_api_key_hook = refresh
    configuration.api_key["authorization"] = "Bearer old"
    cluster = Cluster(client.ApiClient(configuration), "fake")
    server.on("/version", VERSION)
    cluster.version()
    cluster.version()
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer first", "Bearer second"]
    cluster.close()


def test_two_clusters_in_one_process_do_not_mix(server: FakeServer) -> None:
    def kubeconfig(token: str) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server.address}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }

    server.on("/version", VERSION)
    one, two = Cluster.from_kubeconfig(kubeconfig("one")), Cluster.from_kubeconfig(kubeconfig("two"))
    one.version()
    two.version()
    one.version()
    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer one",
        "Bearer two",
        "Bearer one",
    ]
    one.close()
    two.close()


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: object) -> None:
    with pytest.raises(KubeconfigError, match="nowhere"):
        Cluster.from_kubeconfig(f"{tmp_path}/nowhere")


def test_a_server_below_a_path_is_reached(server: FakeServer) -> None:
    server.on("/k8s/clusters/c-1/version", VERSION)
    address = f"{server.address}/k8s/clusters/c-1"
    behind = Cluster(client.ApiClient(client.Configuration(host=address)), "rancher")
    assert behind.version() == "v1.32.1"
    behind.close()


def test_parallel_work_keeps_the_order_and_raises_the_first_failure(cluster: Cluster) -> None:
    assert list(cluster.each(lambda n: n * n, range(50))) == [n * n for n in range(50)]

    def fail(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="3"):
        list(cluster.each(fail, range(50)))


def test_a_role_that_stays_missing_is_a_refusal_and_not_a_server_that_is_away(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration_ops.cluster.answers.STARTING_SECONDS", 0.3)
    message = 'nodes is forbidden: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    server.on("/version", status(403, message, "Forbidden"))
    with pytest.raises(Forbidden, match="gone"):
        cluster.version()


def test_who_waits_is_told_what_for_and_not_too_often(server: FakeServer) -> None:
    told: list[str] = []
    trouble = status(503, "apiserver is shutting down")
    server.on("/version", trouble, trouble, trouble, VERSION)
    settings = client.Configuration(host=server.address)
    with Cluster(client.ApiClient(settings), "old", retry_seconds=20, on_wait=told.append) as patient:
        assert patient.version() == "v1.32.1"
    (line,) = told
    assert line.startswith(f"waiting for {server.address} to read the version on old: ")
    assert "apiserver is shutting down" in line
    assert "for up to 20 s more" in line


def test_a_name_that_never_led_anywhere_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migration_ops.cluster.connection.UNKNOWN_HOST_SECONDS", 0.5)
    settings = client.Configuration(host="http://nowhere.invalid:6443")
    began = time.monotonic()
    with (
        Cluster(client.ApiClient(settings), "old", retry_seconds=100) as lost,
        pytest.raises(ClusterUnreachable, match=r"nowhere\.invalid"),
    ):
        lost.version()
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("program", "said"), [("no-such-login", "not installed"), ("false", "run it by hand")]
)
def test_a_login_program_that_gives_nothing_is_refused_at_once(program: str, said: str) -> None:
    api = "client.authentication.k8s.io/v1beta1"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": api, "command": program, "args": []}}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    with pytest.raises(KubeconfigError, match=f"user u .* {program} .*{said}"):
        Cluster.from_kubeconfig(kubeconfig)
