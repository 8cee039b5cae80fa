"""`migration-ops transform`: adapt a folder or file of manifests, without any cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson
import yaml

from migration_ops.transform.errors import ParameterError, TransformError
from migration_ops.transform.manifests import read_manifests, write_manifests
from migration_ops.transform.parameters import Parameters
from migration_ops.transform.yamlio import load_all

EXIT_BAD_INPUT = 1
EXIT_BLOCKERS = 2
MAPPINGS = ("storage_classes", "image_registries", "namespaces")


class UsageProblem(click.UsageError):
    """A usage error that ends with 1, since 2 means that blockers were found."""

    exit_code = EXIT_BAD_INPUT


class Command(click.Command):
    """A command whose usage errors end with 1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and give usage errors our exit status."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise UsageProblem(error.format_message(), ctx) from error


@click.command("transform", cls=Command)
@click.option(
    "--rules", "rules", multiple=True, metavar="NAME_OR_FILE", help="A rule set; several run in order."
)
@click.option("--param", "params", multiple=True, metavar="K=V", help="A rule set's parameter.")
@click.option(
    "--params",
    "params_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML with the keys of a plan's transform section.",
)
@click.option("--target-version", metavar="1.32", help="The target's Kubernetes version.")
@click.option(
    "--target-apis",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the target serves: group/version or group/version/Kind, one a line or as a list.",
)
@click.option(
    "--source-provider", metavar="NAME", help="eks, gke, aks, tke, cce, ack or onprem; else recognised."
)
@click.option(
    "--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a JSON report."
)
@click.argument("source", metavar="IN", required=False)
@click.argument("target", metavar="OUT", required=False)
@click.option("--schema", "print_schema", is_flag=True, help="Print the JSON Schema of rule files and stop.")
def transform(  # noqa: PLR0917 - click passes options by name
    rules: tuple[str, ...],
    params: tuple[str, ...],
    params_file: Path | None,
    target_version: str | None,
    target_apis: Path | None,
    source_provider: str | None,
    report_file: Path | None,
    source: str | None,
    target: str | None,
    print_schema: bool,
) -> None:
    """Adapt the manifests in IN to the target, and write them to OUT.

    IN is a folder or a file of manifests, - is standard input; OUT likewise. A folder is written in apply
    order.
    Exit status: 0 clean, 2 blockers found, 1 bad input.
    """
    from migration_ops.transform.schema import rule_set_schema

    if print_schema:
        click.echo(orjson.dumps(rule_set_schema(), option=orjson.OPT_INDENT_2))
        return
    if not (rules or params_file) or source is None or target is None:
        raise click.ClickException("give --rules, IN and OUT (see --help)")  # ends with 1
    try:
        blockers = _run(
            rules=rules,
            settings=_settings(params_file, params),
            target_version=target_version,
            target_apis=_apis(target_apis),
            source_provider=source_provider,
            locations=(source, target),
            report_file=report_file,
        )
    except (TransformError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    if blockers:
        sys.exit(EXIT_BLOCKERS)


def _run(
    *,
    rules: tuple[str, ...],
    settings: dict[str, Any],
    target_version: str | None,
    target_apis: list[str] | None,
    source_provider: str | None,
    locations: tuple[str, str],
    report_file: Path | None,
) -> int:
    from migration_ops.transform.engine import transform as adapt
    from migration_ops.transform.loading import load_rule_sets

    rule_sets = load_rule_sets([*settings.pop("rules"), *rules])
    parameters = Parameters(
        **settings, target_version=target_version, target_apis=target_apis, source_provider=source_provider
    )
    result = adapt(read_manifests(locations[0]), rule_sets, parameters)
    write_manifests(result.objects, locations[1])
    if report_file is not None:
        report_file.write_bytes(orjson.dumps(result.report(), option=orjson.OPT_INDENT_2))
    for finding in result.findings:
        if finding.severity != "info":
            click.echo(f"{finding.severity}: {finding.object}: {finding.message} ({finding.rule})", err=True)
    report = result.report()
    click.echo(
        f"{report['objects']} objects, {report['changed']} changed, {report['dropped']} dropped, "
        f"{len(result.findings)} findings, {len(result.blockers)} of them blockers",
        err=True,
    )
    return len(result.blockers)


def _settings(params_file: Path | None, params: tuple[str, ...]) -> dict[str, Any]:
    settings: dict[str, Any] = {"rules": [], "params": {}, **{name: {} for name in MAPPINGS}}
    if params_file is not None:
        given = _read_yaml(params_file)
        if not isinstance(given, dict):
            raise ParameterError(f"{params_file} must hold a mapping with {', '.join(settings)}")
        unknown = sorted(set(given) - set(settings))
        if unknown:
            raise ParameterError(
                f"{params_file}: {', '.join(unknown)} isn't known; known are {', '.join(settings)}"
            )
        for name, value in given.items():
            if not isinstance(value, type(settings[name])):
                raise ParameterError(f"{params_file}: {name} must be a {type(settings[name]).__name__}")
        settings.update(given)
    for param in params:
        name, equals, value = param.partition("=")
        if not equals:
            raise ParameterError(f"--param {param!r}: write it as name=value")
        settings["params"] = _with_param(settings["params"], name.split("."), value)
    return settings


def _with_param(params: dict[str, Any], names: list[str], value: str) -> dict[str, Any]:
    first, *below = names
    member = params.get(first)
    inner = _with_param(member if isinstance(member, dict) else {}, below, value) if below else value
    return {**params, first: inner}


def _apis(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    content = path.read_text(encoding="utf-8")
    document = _read_yaml(path) if content.lstrip().startswith(("[", "-")) else content.split("\n")
    if not isinstance(document, list) or not all(isinstance(item, str) for item in document):
        raise ParameterError(f"{path} must list group/version or group/version/Kind, one a line or as YAML")
    return [item.strip() for item in document if item.strip() and not item.startswith("#")]


def _read_yaml(path: Path) -> Any:
    try:
        return next(iter(load_all(path.read_text(encoding="utf-8"))), None)
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is no YAML: {error}") from error
