"""The vault's connection: its form in Airflow's UI, and what stores and movers get of it."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers_manager import ProvidersManager
from botocore.credentials import RefreshableCredentials

from migration_ops.hooks.vault import VaultHook
from migration_ops.provider_info import get_provider_info
from migration_ops.vault import StorageDenied, StorageError
from tests.lab.certificates import make_certificates

LOCATION = "s3:https://s3.oss-cn-hangzhou.aliyuncs.com/bucket/prefix"


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """The certificate of an authority."""
    folder = tmp_path_factory.mktemp("authority")
    make_certificates(folder / "pki", "Authority of the tests", ["127.0.0.1"])
    return (folder / "pki" / "ca.crt").read_text()


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
        ({}, {"addressing": "auto", "encryption": None, "ca_pem": None}),
    ],
)
def test_what_the_form_says_reaches_the_store(connect, extra, wanted):
    settings = connect(**extra).settings()
    assert {name: getattr(settings, name) for name in wanted} == wanted


def test_keys_come_from_an_aws_connection_when_it_is_named(connect, monkeypatch):
    aws = {"conn_type": "aws", "login": "AK2", "password": "SK2", "extra": {"region_name": "cn-shanghai"}}
    monkeypatch.setenv("AIRFLOW_CONN_OSS_KEYS", json.dumps(aws))
    settings = connect(aws_conn_id="oss_keys", access_key="").settings()
    assert (settings.access_key, settings.secret_key, settings.region) == ("AK2", "SK2", "cn-shanghai")


def test_a_roles_keys_are_told_with_their_end(connect, monkeypatch):
    ends = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    given = {"access_key": "AK3", "secret_key": "SK3", "token": "T3", "expiry_time": ends.isoformat()}
    role = RefreshableCredentials.create_from_metadata(given, refresh_using=lambda: given, method="sts")
    session = SimpleNamespace(get_credentials=lambda: role)
    monkeypatch.setattr(AwsBaseHook, "get_session", lambda _self: session)
    monkeypatch.setenv("AIRFLOW_CONN_OSS_ROLE", json.dumps({"conn_type": "aws"}))
    hook = connect(aws_conn_id="oss_role")
    assert hook.keys_end == ends
    assert hook.credentials().environment["AWS_SESSION_TOKEN"] == "T3"
    assert connect(access_key="AK", secret_key="SK").keys_end is None


def test_a_private_authority_reaches_store_and_movers(connect, pem):
    hook = connect(ca=pem)
    assert hook.settings().ca_pem == pem
    assert hook.credentials().ca_certificate == pem


def test_movers_get_what_the_store_needs_and_nothing_is_shown(connect):
    credentials = connect(
        encryption="AES256", addressing="virtual", access_key="AK", secret_key="marker"
    ).credentials()
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


BROKEN = "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"encryption": "AES-256"}, "encryption is 'AES-256'; it can be AES256 or aws:kms"),
        ({"addressing": "virtuel"}, "addressing is 'virtuel'; it can be auto or path or virtual"),
        ({"kms_key": "k"}, "has a kms_key, which is used only if encryption is aws:kms; set both or neither"),
        ({"kms_key": "k", "encryption": "AES256"}, "has a kms_key, which is used only if encryption is"),
        ({"access_key": "AK"}, "has access_key, but no secret_key; set it, too, or name an aws_conn_id"),
        ({"secret_key": "SK"}, "has secret_key, but no access_key; set it, too"),
        ({"session_token": "T"}, "has session_token, but no access_key; set it, too"),
        ({"acess_key": "x"}, "its extra field acess_key isn't known; was access_key meant?"),
        ({"regionn": "x"}, "its extra field regionn isn't known; was region meant?"),
        ({"retries": 3}, "its extra field retries isn't known; known are aws_conn_id, access_key"),
        ({"region": 5}, "region is no text but a int; quote it"),
        ({"ca": 5}, "ca is no text but a int; quote it"),
        ({"ca": "/no/such/ca.crt"}, "'/no/such/ca.crt' can't be read: No such file or directory; set it to"),
        ({"ca": "hello"}, "'hello' can't be read: No such file or directory; set it to the PEM text"),
        ({"ca": "a\0b"}, "can't be read: that is no path; set it to the PEM text"),
        ({"ca": "~/no-such-ca.crt"}, "'~/no-such-ca.crt' can't be read: No such file or directory"),
        ({"ca": "~no-such-user/ca.crt"}, "'~no-such-user/ca.crt' can't be read: that is no path"),
        ({"ca": BROKEN.replace("\n", "\\n")}, "has lost its line ends: it is all in one line; write them"),
        ({"ca": BROKEN.replace("\n", " ")}, "the text has lost its line ends"),
        ({"aws_conn_id": "a", "access_key": "AK", "secret_key": "SK"}, "has aws_conn_id and access_key and"),
        ({"aws_conn_id": "a", "session_token": "T"}, "session_token, but only one can give the keys; empty"),
        ({"ca": BROKEN}, "the text holds no certificate that can be read"),
        ({"ca": "-----BEGIN PRIVATE KEY-----"}, "the text holds a private key, which movers must not get"),
        ({"aws_conn_id": "missing_aws"}, "names aws_conn_id missing_aws, but there is no such connection"),
    ],
)
def test_a_wrong_field_is_named_with_its_connection_and_the_remedy(connect, extra, message):
    hook = connect(**extra)
    good, text = hook.test_connection()
    assert not good
    assert "connection shop_vault" in text
    assert message in text
    with pytest.raises(ValueError, match="connection shop_vault"):
        hook.credentials()


def test_fields_that_a_form_left_empty_are_none(connect):
    empty = {"kms_key": "", "encryption": None, "addressing": "", "old_field": "", "ca": None}
    assert connect(**empty).settings().addressing == "auto"


def test_a_file_that_holds_no_certificate_is_named(connect, tmp_path):
    file = tmp_path / "ca.crt"
    file.write_text("nothing of use")
    good, text = connect(ca=str(file)).test_connection()
    assert not good
    assert f"the file {file} holds no certificate that can be read" in text


def test_an_authority_may_lie_below_ones_home(connect, monkeypatch, pem, tmp_path):
    (tmp_path / "ca.crt").write_text(pem)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert connect(ca="~/ca.crt").credentials().ca_certificate == pem


def at(monkeypatch, host):
    """A hook on a connection with this host."""
    connection = {"conn_type": "migration_ops_vault", "host": host, "password": "hunter2"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_VAULT", json.dumps(connection))
    return VaultHook("shop_vault")


@pytest.mark.parametrize("host", ["vaultx", "./v", "local:v", "~/v", "local:~/v"])
def test_a_folder_that_is_another_one_for_each_process_is_refused(monkeypatch, host):
    good, text = at(monkeypatch, host).test_connection()
    assert not good
    assert f"host of connection shop_vault is {host!r}" in text
    assert "set it to a whole path" in text


@pytest.mark.parametrize("host", [LOCATION, "/srv/vault", "local:/srv/vault"])
def test_blanks_around_a_location_mean_nothing(monkeypatch, host):
    assert at(monkeypatch, f" {host}\n").location == host


def test_an_aws_connection_without_keys_is_told(connect, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AIRFLOW_CONN_OSS_KEYS", json.dumps({"conn_type": "aws"}))
    with pytest.raises(ValueError, match="aws_conn_id oss_keys, which gives no keys: set its login"):
        connect(aws_conn_id="oss_keys").credentials()


@pytest.fixture
def folder(connect, monkeypatch, tmp_path):
    """A hook whose vault is a folder that isn't made yet."""
    place = tmp_path / "vault"
    connection = {"conn_type": "migration_ops_vault", "host": str(place), "password": "hunter2"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_VAULT", json.dumps(connection))
    return place, VaultHook("shop_vault")


def test_the_test_button_writes_what_it_takes_away_again(folder):
    place, hook = folder
    assert hook.test_connection() == (
        True,
        f"There is no repository at {place} yet; PLAN.connect makes it",
    )
    assert not place.exists()
    assert hook.init_if_missing()
    before = sorted(file.name for file in place.iterdir())
    assert hook.test_connection() == (
        True,
        "The repository exists and the password opens it; a small object could be written and deleted",
    )
    assert sorted(file.name for file in place.iterdir()) == before


def test_the_test_button_leaves_one_object_where_nothing_may_be_deleted(folder, monkeypatch):
    place, hook = folder
    hook.init_if_missing()
    before = {file.name for file in place.iterdir()}

    def refuse(*_arguments):
        raise StorageDenied("append only")

    monkeypatch.setattr("migration_ops.vault.backend_local.LocalBackend.remove", refuse)
    for _ in range(3):
        good, text = hook.test_connection()
        assert good
        assert "could be written but not deleted, and stays there" in text
    assert len({file.name for file in place.iterdir()} - before) == 1


def test_the_test_button_finds_that_nothing_can_be_written(folder, monkeypatch):
    _, hook = folder
    hook.init_if_missing()

    def refuse(*_arguments):
        raise StorageError("the bucket refuses it with encryption AES256")

    monkeypatch.setattr("migration_ops.vault.backend_local.LocalBackend.save", refuse)
    assert hook.test_connection() == (
        False,
        "connection shop_vault: the bucket refuses it with encryption AES256",
    )
