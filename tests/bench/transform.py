"""``python -m tests.bench.transform``: ten thousand objects adapted, against only reading and writing them.

The ratio tells what the rules cost on top of YAML itself; the seconds are of this machine at this moment.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from migration_ops.transform import read_manifests
from migration_ops.transform.yamlio import dump

GOLDEN = Path(__file__).parent.parent / "unit" / "transform" / "golden"
OBJECTS = 10_000
PAIRS = 3
MAIN = "from migration_ops.cli import main; main()"
ONLY_YAML = """
import pathlib, sys
from migration_ops.transform import read_manifests
from migration_ops.transform.yamlio import dump
out = pathlib.Path(sys.argv[2]); out.mkdir()
for number, manifest in enumerate(read_manifests(sys.argv[1])):
    (out / f"{number}.yaml").write_text(dump(manifest))
"""


def write_manifests(folder: Path) -> None:
    """Write ten thousand objects of a realistic application, a few to a file."""
    samples = list(read_manifests(str(GOLDEN / "eks" / "source.yaml")))
    written = 0
    while written < OBJECTS:
        batch = []
        for sample in samples[: OBJECTS - written]:
            metadata = {
                **sample["metadata"],
                "name": f"{sample['metadata']['name']}-{written}",
                "uid": str(written),
            }
            batch.append(dump({**sample, "metadata": metadata}))
        (folder / f"{written:05}.yaml").write_text("---\n".join(batch))
        written += len(batch)


def seconds(command: list[str]) -> float:
    """Run a command of this environment's Python to its good end, and return how long it took."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", *command], check=True, capture_output=True)
    return time.monotonic() - began


def main() -> None:
    """Run both in turns, and print medians and their ratio."""
    adapted, plain = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        write_manifests(folder / "in")
        rules = ["--rules", "api-versions", "--rules", "eks-to-ack", "--target-version", "1.32"]
        for turn in range(PAIRS):
            out = [str(folder / f"{kind}-{turn}") for kind in ("plain", "adapted")]
            plain.append(seconds([ONLY_YAML, str(folder / "in"), out[0]]))
            adapted.append(seconds([MAIN, "transform", *rules, str(folder / "in"), out[1]]))
    mine, yaml = statistics.median(adapted), statistics.median(plain)
    print(f"transform, {OBJECTS} objects: {mine:.1f} s; reading and writing them alone: {yaml:.1f} s")
    print(f"ratio {mine / yaml:.2f}; bar: under 10 s")


if __name__ == "__main__":
    main()
