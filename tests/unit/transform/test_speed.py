"""Ten thousand objects through the command, counted in the processor's seconds: other work doesn't count."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from migration_ops.transform import read_manifests
from migration_ops.transform.yamlio import dump

GOLDEN = Path(__file__).parent / "golden"
OBJECTS = 10_000
LIMIT_SECONDS = 10


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    written = 0
    samples = [item for path in sorted(GOLDEN.glob("eks/source.yaml")) for item in read_manifests(str(path))]
    for number in range(OBJECTS // len(samples) + 1):
        batch = []
        for sample in samples[: OBJECTS - written]:
            metadata = {
                **sample["metadata"],
                "name": f"{sample['metadata']['name']}-{number}",
                "uid": str(number),
            }
            batch.append(dump({**sample, "metadata": metadata}))
        written += len(batch)
        (folder / f"{number:04}.yaml").write_text("---\n".join(batch))
    return folder


def test_ten_thousand_objects_take_less_than_ten_seconds(many: Path, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "from migration_ops.cli import main; main()", "transform"]
    options = ["--rules", "api-versions", "--rules", "eks-to-ack", "--target-version", "1.32"]
    done = subprocess.run(
        [*command, *options, str(many), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert done.returncode == 0, done.stderr[-2000:]
    assert seconds < LIMIT_SECONDS
