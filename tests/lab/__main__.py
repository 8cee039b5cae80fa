"""``python -m tests.lab up|down|status``: the lab on the command line."""

from __future__ import annotations

import argparse
import sys

from tests.lab import Lab, LabError
from tests.lab.instance import load_instance
from tests.lab.lab import CLUSTERS
from tests.lab.leftovers import lab_names, leftovers


def main() -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--name", default="main", help="which lab (default: main)")
    parser.add_argument("--clusters", default=",".join(CLUSTERS), help="up: which clusters to start")
    parser.add_argument("--no-s3", action="store_true", help="up: start no S3 server")
    parser.add_argument("--no-mover", action="store_true", help="up: import no mover image")
    parser.add_argument("--all", action="store_true", help="down: every lab on this machine")
    arguments = parser.parse_args()
    try:
        if arguments.command == "up":
            lab = Lab.up(
                arguments.name,
                clusters=arguments.clusters.split(","),
                with_s3=not arguments.no_s3,
                with_mover=not arguments.no_mover,
            )
            print_status(lab)
        elif arguments.command == "down":
            for name in lab_names() if arguments.all else [arguments.name]:
                Lab(name).down()
        else:
            return print_status(Lab(arguments.name))
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def print_status(lab: Lab) -> int:
    """Print parts, addresses and files of a lab; return 0 if all of it runs."""
    parts = lab.status()
    if load_instance(lab.name) is None or not parts:
        print(f"lab {lab.name!r} isn't up; logs: {lab.logs}")
        for line in leftovers(lab.name):
            print(f"  left over: {line} (remove with `python -m tests.lab down`)")
        return 1
    width = max(len(part.name) for part in parts)
    for part in parts:
        state = f"runs as {part.pid}" if part.pid else "STOPPED"
        print(f"{part.name:{width}}  {state:16} {part.log}")
    worst = 0 if all(part.pid for part in parts) else 1
    print(f"host address   {lab.host_address} (pods of both clusters reach this machine there)")
    for cluster in (lab.source, lab.target):
        if not cluster.kubeconfig.exists():
            continue
        print(f"{cluster.name:14} {cluster.api_address}  KUBECONFIG={cluster.kubeconfig}")
    if not lab.s3.ca_file.exists():
        return worst
    print(f"S3             {lab.s3.endpoint}  {lab.s3.endpoint_tls} (CA {lab.s3.ca_file})")
    print(f"S3 keys        {lab.s3.ceph.data / 'keys.json'}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
