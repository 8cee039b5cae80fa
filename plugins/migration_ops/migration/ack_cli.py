"""`migration-ops ack`: what needs Alibaba Cloud's API and no Airflow."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migration_ops.cli_checks import writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration_ops.alibaba import ContainerService


@click.group()
def ack() -> None:
    """Clusters of Alibaba Cloud: a registered cluster's agent, kubeconfigs.

    The access key is taken from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, with a
    temporary one, ALIBABA_CLOUD_SECURITY_TOKEN.
    """


def _about_a_cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--output",
            required=True,
            type=click.Path(dir_okay=False, path_type=Path),
            callback=writable,
            help="File to write.",
        ),
        click.option("--internal", is_flag=True, help="Use addresses within the VPC."),
        click.option("--endpoint", default="", help="The API, if not at the region's public address."),
        click.option("--cluster", required=True, help="Name or ID."),
        click.option("--region", required=True, help="For example cn-hangzhou."),
    ):
        command = option(command)
    return command


@ack.command()
@_about_a_cluster
def agent(region: str, cluster: str, endpoint: str, internal: bool, output: Path) -> None:
    """Write the manifest that connects a registered cluster, for `kubectl apply -f` there.

    It holds the agent's credentials: keep it to yourself, and delete it afterwards.
    """
    from migration_ops.alibaba import ClusterMissingError, agent_manifest, find_cluster

    def get(service: ContainerService) -> str:
        found = find_cluster(service, cluster)
        if found is None:
            raise ClusterMissingError(f"there is no cluster {cluster} in {region}")
        return agent_manifest(service, found, internal=internal)

    _write(region, endpoint, output, get)


@ack.command()
@_about_a_cluster
@click.option(
    "--minutes",
    type=click.IntRange(15, 4320),
    default=720,
    show_default=True,
    help="How long it holds, 15 to 4320.",
)
def kubeconfig(  # noqa: PLR0917 - click passes options by name
    region: str,
    cluster: str,
    endpoint: str,
    internal: bool,
    output: Path,
    minutes: int,
) -> None:
    """Write a temporary kubeconfig of a cluster."""
    from migration_ops.alibaba import current_kubeconfig

    _write(
        region,
        endpoint,
        output,
        lambda service: current_kubeconfig(service, cluster, minutes=minutes, internal=internal),
    )


def _write(region: str, endpoint: str, output: Path, get: Callable[[ContainerService], str]) -> None:
    from migration_ops.alibaba import Access, AlibabaError, ContainerService

    try:
        access = Access(
            key_id=os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
            key_secret=os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
            security_token=os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
            region=region,
            endpoint=endpoint,
        )
        text = get(ContainerService(access))
    except AlibabaError as error:
        click.echo(f"migration-ops ack: {error}", err=True)
        sys.exit(1)
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    click.echo(f"{output} was written; only you can read it")
