"""`python -m tests.bench.downtime`: the downtime with staged volumes and without, in turns, as a table."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from contextlib import ExitStack, suppress

from migration_ops.cluster import Cluster, NotFound, apply, wait_ready
from migration_ops.migration.plan import Plan
from migration_ops.mover import Credentials
from migration_ops.vault import StoreSettings, init_repository
from tests.bench.downtime.moves import Moves, Times
from tests.bench.downtime.store import FILE_BYTES, manifests, write
from tests.lab import Lab
from tests.lab.mover_image import MOVER_IMAGE

CHANGED = 0.01


def main(arguments: list[str] | None = None) -> int:
    """Measure each size, staged and not staged by turns, and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.downtime", description=__doc__)
    parser.add_argument("--sizes", default="0.5,1,2", help="GiB in the application's volumes")
    sizes = [float(size) for size in parser.parse_args(arguments).sizes.split(",")]
    lab = Lab.up(os.environ.get("MIGRATION_OPS_LAB") or "main")
    rows = []
    for size in sizes:
        rows.append((size, *measure(lab, size)))
        _tell(size, "staged", rows[-1][1])
        _tell(size, "not staged", rows[-1][2])
    print("\n| GiB | staged: downtime | moving data | not staged: downtime | moving data | ratio |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for size, staged, whole in rows:
        print(
            f"| {size:g} | {staged.downtime:.1f} s | {staged.moving:.1f} s | {whole.downtime:.1f} s "
            f"| {whole.moving:.1f} s | {staged.downtime / whole.downtime:.2f} |"
        )
    return 0


def measure(lab: Lab, size: float) -> tuple[Times, Times]:
    """Return the times of a cutover with staged volumes, and of one that restores them whole."""
    name = f"downtime-{uuid.uuid4().hex[:6]}"
    with ExitStack() as stack:
        sides = {side: Cluster.from_kubeconfig(lab.cluster(side).kubeconfig) for side in ("source", "target")}
        apis = {side: stack.enter_context(lab.cluster(side).api_client()) for side in sides}
        for cluster in sides.values():
            stack.callback(cluster.close)
            stack.callback(_delete_namespace, cluster, name)
        credentials, vault = _vault(lab, name, stack)
        classes = {side: _storage_class(cluster) for side, cluster in sides.items()}
        objects = manifests(name, classes["source"], size / 2)
        apply(sides["source"], objects, plan="bench", run=name)
        assert wait_ready(sides["source"], objects[1:], 120).ready
        plan = Plan.model_validate(
            {
                "apiVersion": "migration-ops/v1",
                "name": name,
                "source": {"conn_id": "source"},
                "target": {"conn_id": "target"},
                "vault": {"conn_id": "vault"},
                "select": {"namespaces": {"include": [name]}},
                "transform": {"storage_classes": {"*": classes["target"]}},
                "movers": {"image": MOVER_IMAGE},
                "verify": {"data": "sample"},
            }
        )
        moves = Moves(plan, sides["source"], sides["target"], apis, vault, credentials)
        files = int(size * (1 << 30)) // FILE_BYTES
        changed = max(2, round(files * CHANGED))

        def change(first: int, count: int) -> None:
            with lab.source.api_client() as api:
                write(api, name, first, count)

        change(0, files)
        saved, _ = moves.back_up(f"{name}-0", "full")
        moves.fill(f"{name}-0", saved, "stage")
        change(0, changed)
        moves.stand_by(f"{name}-1")
        staged = moves.cut_over(f"{name}-1")
        moves.take_back(f"{name}-1", f"{name}-0")
        change(changed, changed)
        whole = moves.cut_over(f"{name}-2")
        return staged, whole


def _tell(size: float, kind: str, times: Times) -> None:
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in times.steps.items())
    print(f"{size:g} GiB, {kind}: {times.downtime:.1f} s ({steps}; movers {times.moving:.1f})", flush=True)


def _vault(lab: Lab, name: str, stack: ExitStack):  # type: ignore[no-untyped-def]
    lab.s3.make_bucket(name)
    stack.callback(lab.s3.remove_bucket, name)
    environment = {"AWS_ACCESS_KEY_ID": lab.s3.access_key, "AWS_SECRET_ACCESS_KEY": lab.s3.secret_key}
    location = f"s3:{lab.s3.endpoint}/{name}/vault"
    vault = init_repository(location, name, StoreSettings.from_environment(environment))
    secret = {"RESTIC_REPOSITORY": location, "RESTIC_PASSWORD": name, **environment}
    return Credentials(secret, None), vault


def _storage_class(cluster: Cluster) -> str:
    found = cluster.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
    marked = "storageclass.kubernetes.io/is-default-class"
    default = [one for one in found if (one["metadata"].get("annotations") or {}).get(marked) == "true"]
    return str((default or found)[0]["metadata"]["name"])


def _delete_namespace(cluster: Cluster, name: str) -> None:
    with suppress(NotFound):  # what failed early made none in the target
        cluster.request("DELETE", f"/api/v1/namespaces/{name}")


if __name__ == "__main__":
    sys.exit(main())
