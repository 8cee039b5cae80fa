"""A cluster's connection names one cluster, or fails: never the one that the environment happens to name."""

import asyncio
import json

import pytest

from migration_ops.alibaba import AlibabaError
from migration_ops.cluster import KubeconfigError
from migration_ops.hooks.ack import AckHook
from migration_ops.hooks.cluster import AsyncClusterHook, ClusterHook
from migration_ops.hooks.vault import VaultHook
from tests.lab.certificates import make_certificates


def kubeconfig(name="source", host="203.0.113.9"):
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{host}:6443"}}],
        "users": [{"name": name, "user": {"token": "a-token-that-is-never-told"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }  # fmt: skip


TEXT = json.dumps(kubeconfig())


@pytest.fixture
def connect(monkeypatch, tmp_path):
    """A hook on a connection with these fields, where the environment names another cluster."""
    ambient = tmp_path / "ambient"
    ambient.write_text(json.dumps(kubeconfig("ambient", "198.51.100.1")))
    monkeypatch.setenv("KUBECONFIG", str(ambient))
    monkeypatch.setattr("kubernetes.client.Configuration._default", None)  # the stock hook may change it

    def make(kind="kubernetes", **extra):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": kind, "extra": extra}))
        return ClusterHook("shop")

    return make


@pytest.mark.parametrize(
    "fields",
    [
        {"kube_config": TEXT},
        {"kube_config": kubeconfig()},
        {"kube_config": json.dumps(kubeconfig(), indent=1).replace('"', "'")},  # YAML, and no JSON
        {"extra__kubernetes__kube_config": TEXT},
        {"kube_config": TEXT, "in_cluster": False, "cluster_context": "", "kube_config_path": None},
        {"kube_config": TEXT, "in_cluster": "false"},
        {"kube_config": TEXT, "cluster_context": "source"},
    ],
)
def test_the_cluster_is_the_one_of_the_connection(connect, fields):
    with connect(**fields).cluster as cluster:
        assert cluster.address == "https://203.0.113.9:6443"


def reached_by_both(hook):
    """Where the worker's and the triggerer's client go with the same connection, and whether they verify."""

    async def reached():
        async with AsyncClusterHook(conn_id="shop").get_conn() as api:
            return api.configuration

    found = [hook.get_conn().configuration, asyncio.run(reached())]
    return {(one.host, one.verify_ssl) for one in found}


EMPTY = {
    "kube_config_path": "",
    "extra__kubernetes__in_cluster": "",
    "cluster_context": None,
    "namespace": " ",
}
WITHOUT_USERS = {name: value for name, value in kubeconfig().items() if name != "users"}
NAMELESS = [{"name": "source", "context": {"cluster": "source"}}]


@pytest.mark.parametrize(
    ("fields", "verified"),
    [
        ({"kube_config": TEXT}, True),
        ({"kube_config": TEXT} | EMPTY, True),
        ({"kube_config": "", "extra__kubernetes__kube_config": TEXT}, True),
        ({"kube_config": TEXT, "extra__kubernetes__kube_config_path": "", "in_cluster": "no"}, True),
        ({"kube_config": TEXT, "disable_verify_ssl": True}, False),
        ({"kube_config": TEXT, "extra__kubernetes__disable_verify_ssl": "true"}, False),
        ({"kube_config": TEXT, "disable_verify_ssl": "false"}, True),
        ({"kube_config": WITHOUT_USERS}, True),
        ({"kube_config": kubeconfig() | {"users": None}}, True),
        ({"kube_config": json.dumps(kubeconfig() | {"users": []}), "cluster_context": "source"}, True),
        ({"kube_config": kubeconfig() | {"contexts": NAMELESS}}, True),
    ],
)
def test_triggerers_read_a_connection_as_workers_do(connect, fields, verified):
    assert reached_by_both(connect(**fields)) == {("https://203.0.113.9:6443", verified)}


def test_a_file_without_users_is_read_alike_with_its_authority_beside_it(connect, tmp_path):
    make_certificates(tmp_path / "pki", "Authority of the tests", ["127.0.0.1"])
    cluster = {"server": "https://203.0.113.9:6443", "certificate-authority": "pki/ca.crt"}
    config = WITHOUT_USERS | {"clusters": [{"name": "source", "cluster": cluster}]}
    (tmp_path / "config").write_text(json.dumps(config))
    hook = connect(kube_config_path=str(tmp_path / "config"))
    assert reached_by_both(hook) == {("https://203.0.113.9:6443", True)}
    assert hook.get_conn().configuration.ssl_ca_cert == str(tmp_path / "pki" / "ca.crt")


def test_a_kubeconfig_may_be_a_file(connect, tmp_path):
    file = tmp_path / "config"
    file.write_text(TEXT)
    with connect(kube_config_path=str(file)).cluster as cluster:
        assert cluster.address == "https://203.0.113.9:6443"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "connection shop names no cluster: it has no kube_config; set kube_config to"),
        ({"cluster_name": "a", "cluster_context": "b"}, "it has no kube_config; set kube_config to"),
        ({"kubeconfig": TEXT}, "field kubeconfig isn't known; was kube_config meant?"),
        ({"kube_config_pth": "/x"}, "field kube_config_pth isn't known; was kube_config_path meant?"),
        ({"in_cluster": "false"}, "it has no kube_config"),
        ({"access_key_id": "AK", "cluster": "c"}, "set its connection type to migration_ops_ack"),
        ({"kube_config": TEXT, "kube_config_path": "/x"}, "has kube_config and kube_config_path; only one"),
        ({"kube_config": "hello"}, "kube_config of connection shop is no kubeconfig"),
        ({"kube_config": "a: [b"}, "kube_config of connection shop is no kubeconfig"),
        ({"kube_config": 5}, "kube_config of connection shop is no kubeconfig"),
        ({"kube_config": {"clusters": []}}, "is no kubeconfig: it has no list of contexts"),
        ({"kube_config": TEXT, "cluster_context": "nope"}, "has no context nope; set cluster_context to"),
        ({"kube_config": kubeconfig() | {"current-context": ""}}, "has no current-context; set cluster"),
        ({"kube_config_path": "/no/such/file"}, "kube_config_path of connection shop can't be read: /no"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_connection_field_and_remedy(connect, fields, message):
    hook = connect(**fields)
    with pytest.raises(KubeconfigError) as caught:
        _ = hook.cluster
    assert message in str(caught.value)
    assert "a-token-that-is-never-told" not in str(caught.value)
    with pytest.raises(KubeconfigError):
        asyncio.run(AsyncClusterHook(conn_id="shop").get_conn_extras())


def test_an_ack_connection_is_told_by_its_type(connect):
    hook = connect("migration_ops_ack", region="cn-hangzhou", cluster="shop", access_key_secret="x")
    with pytest.raises(AlibabaError, match="connection shop has no access_key_id; set it to a RAM user's"):
        _ = hook.cluster
    with pytest.raises(AlibabaError, match="connection shop has no access_key_id"):
        asyncio.run(AsyncClusterHook(conn_id="shop").get_conn_extras())


@pytest.mark.parametrize("extra", ["no json", "[1]", '"text"', "5"])
@pytest.mark.parametrize("kind", ["kubernetes", "migration_ops_ack", "migration_ops_vault"])
def test_extra_fields_that_are_no_object_are_told(monkeypatch, kind, extra):
    connection = {"conn_type": kind, "host": "/vault", "password": "p", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(connection))
    message = "connection shop: extra has to be a JSON object"
    if kind == "kubernetes":
        with pytest.raises(ValueError, match=message):
            _ = ClusterHook("shop").cluster
    else:
        hook = AckHook("shop") if kind == "migration_ops_ack" else VaultHook("shop")
        good, text = hook.test_connection()
        assert (good, message in text) == (False, True)


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("kubernetes", {}, "shop"),
        ("kubernetes", {"cluster_name": "production"}, "production"),
        ("migration_ops_ack", {"cluster": "prod"}, "prod"),
    ],
)
def test_a_cluster_has_its_name_before_anything_is_known_of_it(connect, kind, fields, name):
    assert connect(kind, **fields).cluster_name == name
