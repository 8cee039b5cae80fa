"""The connections that the documentation shows are ones that the hooks take."""

import json
import re
from pathlib import Path

import pytest
from airflow.sdk import Connection

from migration_ops.alibaba.settings import AckSettings
from migration_ops.hooks.cluster_fields import cluster_fields
from migration_ops.hooks.extra_fields import unknown_field
from migration_ops.hooks.vault_fields import KNOWN, check_fields
from migration_ops.vault.location import S3Location, parse_location

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "connections.md"
EXAMPLES = {
    document["conn_type"]: text
    for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    if (document := json.loads(text))
}


@pytest.fixture
def example():
    """A connection as Airflow makes it of an example."""
    return lambda kind: Connection.from_json(EXAMPLES[kind], conn_id="shop")


def test_each_kind_has_an_example():
    assert set(EXAMPLES) == {"kubernetes", "migration_ops_ack", "migration_ops_vault", "aws"}


def test_the_clusters_example_is_a_kubeconfig(example):
    assert cluster_fields(example("kubernetes"))["cluster_name"] == "shop-source"


def test_the_example_of_an_ack_cluster_lacks_nothing(example):
    settings = AckSettings.from_extras(example("migration_ops_ack").extra_dejson, "shop")
    assert (settings.cluster, settings.minutes) == ("shop-target", 720)


def test_the_vaults_example_is_a_place_in_a_bucket(example):
    vault = example("migration_ops_vault")
    check_fields("shop", vault.extra_dejson)
    assert isinstance(parse_location(vault.host), S3Location)
    assert vault.password


@pytest.mark.parametrize(
    "name", ["aws_conn_id", "encryption", "kms_key", "ca", "addressing", "session_token"]
)
def test_what_the_table_names_is_a_field(name):
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
    assert not unknown_field({name: "x"}, KNOWN)
