"""The vault's connection: its form in Airflow's UI, and what stores and movers get of it."""

import json

import pytest
from airflow.providers_manager import ProvidersManager

from migration_ops.hooks.vault import VaultHook
from migration_ops.provider_info import get_provider_info

LOCATION = "s3:https://s3.oss-cn-hangzhou.aliyuncs.com/bucket/prefix"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def connect(monkeypatch):
    """A hook on a connection with these extra fields."""

    def make(**extra):
        connection = {
            "conn_type": "migration_ops_vault",
            "host": LOCATION,
            "password": "hunter2",
            "extra": extra,
        }
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_VAULT", json.dumps(connection))
        return VaultHook("shop_vault")

    return make


def test_the_form_has_a_field_for_everything_that_the_hook_reads():
    fields = ProvidersManager().connection_form_widgets
    named = {name.rpartition("__")[2]: one for name, one in fields.items() if "migration_ops_vault" in name}
    assert set(named) == {
        *("aws_conn_id", "access_key", "secret_key", "session_token", "region", "ca"),
        *("addressing", "encryption", "kms_key"),
    }
    assert {name for name, one in named.items() if one.is_sensitive} == {"secret_key", "session_token"}


def test_every_field_of_a_form_has_a_label_and_hidden_ones_are_not_used():
    for kind in get_provider_info()["connection-types"]:
        for name, field in kind["conn-fields"].items():
            assert field["label"], name
    vault = get_provider_info()["connection-types"][0]
    assert vault["ui-field-behaviour"]["relabeling"] == {
        "host": "Repository",
        "password": "Repository password",
    }
    assert vault["conn-fields"]["encryption"]["schema"]["enum"] == ["AES256", "aws:kms", None]


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({"encryption": "AES256"}, {"encryption": "AES256"}),
        ({"encryption": "aws:kms", "kms_key": "k1"}, {"encryption": "aws:kms", "kms_key": "k1"}),
        (
            {"addressing": "virtual", "region": "cn-hangzhou"},
            {"addressing": "virtual", "region": "cn-hangzhou"},
        ),
        ({"access_key": "AK", "secret_key": "SK"}, {"access_key": "AK", "secret_key": "SK"}),
        ({}, {"addressing": "auto", "encryption": None, "ca_file": None}),
    ],
)
def test_what_the_form_says_reaches_the_store(connect, extra, wanted):
    settings = connect(**extra).settings()
    assert {name: getattr(settings, name) for name in wanted} == wanted


def test_keys_come_from_an_aws_connection_when_it_is_named(connect, monkeypatch):
    aws = {"conn_type": "aws", "login": "AK2", "password": "SK2", "extra": {"region_name": "cn-shanghai"}}
    monkeypatch.setenv("AIRFLOW_CONN_OSS_KEYS", json.dumps(aws))
    settings = connect(aws_conn_id="oss_keys", access_key="ignored").settings()
    assert (settings.access_key, settings.secret_key, settings.region) == ("AK2", "SK2", "cn-shanghai")


def test_a_private_authority_reaches_store_and_movers(connect):
    hook = connect(ca=PEM)
    settings = hook.settings()
    with open(settings.ca_file, encoding="ascii") as file:  # noqa: PTH123 - a name out of settings
        assert file.read() == PEM
    assert hook.credentials().ca_certificate == PEM


def test_movers_get_what_the_store_needs_and_nothing_is_shown(connect):
    credentials = connect(encryption="AES256", addressing="virtual", secret_key="marker").credentials()
    assert credentials.environment["RESTIC_REPOSITORY"] == LOCATION
    assert credentials.environment["MIGRATION_OPS_S3_ENCRYPTION"] == "AES256"
    assert credentials.environment["MIGRATION_OPS_S3_ADDRESSING"] == "virtual"
    assert "marker" not in repr(credentials)
    assert "hunter2" not in repr(credentials)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_VAULT", json.dumps({"conn_type": "migration_ops_vault"}))
    hook = VaultHook("shop_vault")
    with pytest.raises(ValueError, match="has no host; set it to the repository's location"):
        _ = hook.location
    with pytest.raises(ValueError, match="has no password"):
        _ = hook.password
