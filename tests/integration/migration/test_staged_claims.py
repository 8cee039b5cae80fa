"""Claims of the target are staged by real movers: every kind of claim, and what happens to them meanwhile."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from migration_ops.cluster import Cluster
from migration_ops.migration import Plan
from migration_ops.migration.staging import StagedClaimChangedError
from migration_ops.migration.volumes import STAGED_SNAPSHOT
from migration_ops.mover import Credentials
from migration_ops.vault import StoreSettings, init_repository
from tests.bench.downtime.moves import Moves
from tests.integration.migration.staging import Staging, delete, make_class, make_volume
from tests.lab import Lab
from tests.lab.mover_image import MOVER_IMAGE

# One source serves all tests, in this order.
pytestmark = [pytest.mark.lab, pytest.mark.s3]
LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`

MODES = {"plain": "ReadWriteOnce", "other": "ReadWriteOnce", "shared": "ReadWriteMany"}
WRITE = "for one in /data/*; do head -c 300000 /dev/urandom >$one/kept; echo first >$one/note; done"


@pytest.fixture(scope="module")
def staging(lab: Lab) -> Iterator[Staging]:
    """Three volumes in the source; in the target, a class that waits and a volume made by hand."""
    name = f"staging-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        clusters = {
            side: Cluster.from_kubeconfig(lab.cluster(side).kubeconfig) for side in ("source", "target")
        }
        for cluster in clusters.values():
            stack.callback(cluster.close)
        apis = {side: stack.enter_context(lab.cluster(side).api_client()) for side in clusters}
        lab.s3.make_bucket(name)
        stack.callback(lab.s3.remove_bucket, name)
        keys = {"AWS_ACCESS_KEY_ID": lab.s3.access_key, "AWS_SECRET_ACCESS_KEY": lab.s3.secret_key}
        location = f"s3:{lab.s3.endpoint}/{name}/vault"
        vault = init_repository(location, name, StoreSettings.from_environment(keys))
        credentials = Credentials({"RESTIC_REPOSITORY": location, "RESTIC_PASSWORD": name, **keys}, None)
        make_class(clusters["source"], name, stack, waits=True)
        make_class(clusters["target"], name, stack, waits=True)
        make_volume(clusters["target"], f"{name}-shared", MODES["shared"], stack)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        clusters["source"].request("POST", "/api/v1/namespaces", body=body)
        for cluster in clusters.values():
            stack.callback(delete, cluster, f"/api/v1/namespaces/{name}")
        plan = Plan.model_validate(
            {
                "apiVersion": "migration-ops/v1",
                "name": name,
                "source": {"conn_id": "source"},
                "target": {"conn_id": "target"},
                "vault": {"conn_id": "vault"},
                "select": {"namespaces": {"include": [name]}},
                "movers": {"image": MOVER_IMAGE},
                "verify": {"data": "full"},
            }
        )
        found = Staging(Moves(plan, clusters["source"], clusters["target"], apis, vault, credentials))
        for claim in MODES:
            found.ask_for(claim, name)
        found.run_there("source", WRITE, MODES)
        yield found


def as_the_target_has_them(
    objects: list[dict[str, Any]], report: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rules of one's own: another access mode, and a volume that was made by hand for it."""
    for item in objects:
        mode = MODES.get(item["metadata"]["name"])
        if item["kind"] == "PersistentVolumeClaim" and mode not in {None, "ReadWriteOnce"}:
            claim = f"{item['metadata']['namespace']}-{item['metadata']['name']}"
            item["spec"] |= {"accessModes": [mode], "storageClassName": claim}
    return objects, report


def staged_snapshot(staging: Staging, claim: str) -> str | None:
    annotations = staging.claim("target", claim)["metadata"].get("annotations") or {}
    found: str | None = annotations.get(STAGED_SNAPSHOT)
    return found


def test_claims_of_every_access_mode_are_bound_by_their_movers_and_filled(staging: Staging) -> None:
    done = staging.stage("one", staging.save("one"), as_the_target_has_them)

    assert staging.failures == {}
    assert set(done) == set(MODES)
    for name, mode in MODES.items():
        claim = staging.claim("target", name)
        assert claim["status"]["phase"] == "Bound"
        assert claim["spec"]["accessModes"] == [mode]
        assert done[name]["summary"]["differences"] == 0
        assert staged_snapshot(staging, name) == done[name]["snapshot_id"]


BY_HAND = """
echo foreign >/data/plain/kept
echo more >/data/plain/more
touch -r /data/shared/kept /tmp/then
printf X | dd of=/data/shared/kept conv=notrunc
touch -r /tmp/then /data/shared/kept
"""
COMPARE = "cd /data; cat plain/note; ls plain shared; sha256sum plain/kept shared/kept"


def test_a_staged_claim_that_somebody_wrote_to_is_noticed_and_brought_back(staging: Staging) -> None:
    staging.run_there("source", "echo second >/data/plain/note", ["plain"])
    staging.run_there("target", BY_HAND, ["plain", "shared"])
    point = staging.save("two")

    done = staging.stage("two", point, as_the_target_has_them)
    # What metadata shows is brought back at once; what only the content shows, by the next try.
    assert set(done) == {"plain", "other"}
    assert done["other"]["summary"]["base_trusted"]
    assert not done["plain"]["summary"]["base_trusted"]
    assert {name: type(error) for name, error in staging.failures.items()} == {
        "shared": StagedClaimChangedError
    }
    assert staged_snapshot(staging, "shared") is None

    done = staging.stage("two-again", point, as_the_target_has_them)
    assert staging.failures == {}
    assert done["shared"]["base"] is None
    assert staged_snapshot(staging, "shared") == done["shared"]["snapshot_id"]
    there, here = (staging.run_there(side, COMPARE, ["plain", "shared"]) for side in ("target", "source"))
    assert there == here
    assert there.startswith("second\n")


if LONG:

    def test_a_claim_that_grew_grows_and_one_that_appeared_is_staged_too(staging: Staging) -> None:
        path = f"/api/v1/namespaces/{staging.space}/persistentvolumeclaims/plain"
        staging.moves.source.patch(path, {"spec": {"resources": {"requests": {"storage": "128Mi"}}}})
        staging.ask_for("late", staging.space)
        staging.run_there("source", "echo new >/data/late/note", ["late"])

        done = staging.stage("three", staging.save("three"), as_the_target_has_them)

        assert staging.failures == {}
        assert set(done) == {*MODES, "late"}
        request = staging.claim("target", "plain")["spec"]["resources"]["requests"]["storage"]
        assert request == "128Mi"
        assert staging.run_there("target", "cat /data/late/note", ["late"]) == "new\n"
        assert done["plain"]["base"] is not None

    def test_a_claim_that_vanished_from_the_source_stays_as_it_was_in_the_target(staging: Staging) -> None:
        path = f"/api/v1/namespaces/{staging.space}/persistentvolumeclaims/late"
        staging.moves.source.request("DELETE", path)
        before = staged_snapshot(staging, "late")

        done = staging.stage("four", staging.save("four"), as_the_target_has_them)

        assert set(done) == set(MODES)
        assert staged_snapshot(staging, "late") == before
