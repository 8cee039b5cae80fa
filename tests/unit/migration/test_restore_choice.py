"""A part of a restore point: namespaces, kinds, claims."""

from datetime import UTC, datetime

import pytest

from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.restore_choice import Choice
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord


def thing(kind, name, namespace=None, api="v1"):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


OBJECTS = [
    thing("Namespace", "shop"),
    thing("Namespace", "blog"),
    thing("ConfigMap", "web", "shop"),
    thing("Deployment", "web", "shop", "apps/v1"),
    thing("PersistentVolumeClaim", "data-db-0", "shop"),
    thing("PersistentVolumeClaim", "cache", "shop"),
    thing("PersistentVolumeClaim", "data", "blog"),
    thing("CustomResourceDefinition", "a.example.com", None, "apiextensions.k8s.io/v1"),
]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
POINT = RestorePoint(
    id="p1",
    plan="shop",
    kind="full",
    started=NOW,
    finished=NOW,
    cluster=SourceCluster(name="s", identity="i", version="v1.20"),
    volumes=[
        VolumeRecord(namespace=namespace, claim=claim, snapshot_id="s")
        for namespace, claim in (("shop", "data-db-0"), ("shop", "cache"), ("blog", "data"))
    ],
)


def chosen(**choice):
    point, objects = Choice(**choice).of(POINT, OBJECTS)
    names = [f"{one['kind']}/{one['metadata']['name']}" for one in objects]
    return [f"{one.namespace}/{one.claim}" for one in point.volumes], names


def test_without_a_choice_it_is_everything():
    assert chosen() == (
        ["shop/data-db-0", "shop/cache", "blog/data"],
        [f"{one['kind']}/{one['metadata']['name']}" for one in OBJECTS],
    )


def test_a_namespace_comes_with_its_volumes_and_what_belongs_to_none():
    volumes, names = chosen(namespaces=["blog"])
    assert volumes == ["blog/data"]
    assert names == [
        "Namespace/blog",
        "PersistentVolumeClaim/data",
        "CustomResourceDefinition/a.example.com",
    ]


def test_kinds_alone_move_no_volume():
    assert chosen(kinds=["ConfigMap", "apps/Deployment"]) == ([], ["ConfigMap/web", "Deployment/web"])


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"names": ["web"]}, ["ConfigMap/web", "Deployment/web"]),
        ({"names": ["shop/web"], "kinds": ["ConfigMap"]}, ["ConfigMap/web"]),
        ({"names": ["*.example.com"]}, ["CustomResourceDefinition/a.example.com"]),
        ({"names": ["blog/*"]}, ["PersistentVolumeClaim/data"]),
        ({"names": ["data*"], "namespaces": ["shop"]}, ["PersistentVolumeClaim/data-db-0"]),
    ],
)
def test_single_objects_are_chosen_by_name(choice, found):
    assert chosen(**choice)[1] == found


def test_a_claim_that_is_chosen_by_name_brings_its_data():
    assert chosen(names=["cache"])[0] == ["shop/cache"]
    assert chosen(names=["web"])[0] == []


def test_a_name_that_is_not_there_is_told_with_what_is():
    with pytest.raises(RestorePointError, match="chosen by names nothing-like-it; it holds the namespaces"):
        chosen(names=["nothing-like-it"])


def test_claims_can_be_named_with_or_without_namespace():
    assert chosen(claims=["shop/data-*"], only_claims=True) == (
        ["shop/data-db-0"],
        ["PersistentVolumeClaim/data-db-0"],
    )
    assert chosen(claims=["data"], only_claims=True)[0] == ["blog/data"]


def test_a_claim_that_is_not_chosen_leaves_its_data_out():
    volumes, names = chosen(namespaces=["shop"], claims=["data-*"])
    assert volumes == ["shop/data-db-0"]
    assert "PersistentVolumeClaim/cache" not in names
    assert "Deployment/web" in names


def test_choosing_nothing_names_what_there_is():
    with pytest.raises(RestorePointError, match=r"namespaces nowhere.*blog, shop.*shop/data-db-0"):
        Choice(namespaces=["nowhere"], kinds=["ConfigMap"]).of(POINT, OBJECTS)
