"""The shipped roles are what the table says, and the table is what the code stops."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from migration_ops.cluster.account import account_manifests, account_yaml
from migration_ops.cluster.exclusions import is_our_own
from migration_ops.cluster.grants import Side, grants
from migration_ops.cluster.permissions import source_permissions, target_permissions
from migration_ops.cluster.suspension import SUSPENSIONS

SHIPPED = Path(__file__).parents[3] / "include" / "rbac"


@pytest.mark.parametrize("side", ["source", "target"])
def test_the_shipped_file_is_written_from_the_table(side: Side) -> None:
    text = (SHIPPED / f"{side}.yaml").read_text()
    assert text == account_yaml(side), "write it anew: migration_ops.cluster.account.write_shipped"
    assert list(yaml.safe_load_all(text)) == account_manifests(side)


def test_a_source_may_patch_exactly_the_kinds_that_quiesce_stops_and_what_is_ours() -> None:
    patched = {
        (group, plural)
        for rule in grants("source")
        for group in rule.groups
        for plural in rule.resources
        if "patch" in rule.verbs
    }
    stopped = {(group, f"{kind.lower()}s") for group, kind in SUSPENSIONS}
    assert patched == stopped | {("", "secrets"), ("batch", "jobs")}


def test_nobody_may_delete_collections_or_act_as_somebody_else() -> None:
    verbs = {verb for side in ("source", "target") for rule in grants(side) for verb in rule.verbs}
    assert verbs == {"get", "list", "create", "patch", "update", "delete", "bind", "escalate"}


@pytest.mark.parametrize("side", ["source", "target"])
def test_no_backup_carries_the_account(side: Side) -> None:
    assert all(is_our_own(manifest) for manifest in account_manifests(side))


def test_rights_are_asked_for_only_of_kinds_that_every_cluster_has() -> None:
    groups = {one.group for one in source_permissions(["shop"])}
    assert "keda.sh" not in groups
    assert {"apps", "batch", "*"} <= groups
    assert {one.namespace for one in target_permissions(["a", "b"])} == {"", "a", "b"}
