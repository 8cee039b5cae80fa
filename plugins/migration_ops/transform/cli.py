"""`migration-ops transform`: adapt a folder or file of manifests, without any cluster."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson
import yaml

from migration_ops.bad_input import kind_of, yaml_problem
from migration_ops.cli_checks import writable
from migration_ops.transform.errors import ParameterError, TransformError
from migration_ops.transform.finding_groups import Told, group_findings
from migration_ops.transform.manifests import STREAM, check_location, read_manifests, write_manifests
from migration_ops.transform.parameters import Parameters, check_apis
from migration_ops.transform.private_files import write_private
from migration_ops.transform.results import TransformResult, by_severity
from migration_ops.transform.yamlio import dump, load_all

EXIT_BAD_INPUT = 1
EXIT_BLOCKERS = 2
MAXIMUM_BYTES = 4 * 1024 * 1024
MAPPINGS = ("storage_classes", "image_registries", "namespaces")


@click.command("transform")
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
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    help="Write a JSON report.",
)
@click.option(
    "--copy-list",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    help="Write the images to copy, as image-syncer takes them (source: target).",
)
@click.option(
    "--architecture",
    "architectures",
    multiple=True,
    metavar="amd64",
    help="Ask the source's registries whether the images exist for it; several may be given.",
)
@click.option("--schema", "print_schema", is_flag=True, help="Print the JSON Schema of rule files and stop.")
@click.option("--describe", is_flag=True, help="Print what the rule sets do and ask, as Markdown, and stop.")
@click.option("--test", "run_examples", is_flag=True, help="Run the examples inside the rule files and stop.")
@click.argument("source", metavar="IN", required=False)
@click.argument("target", metavar="OUT", required=False)
def transform(
    *,
    rules: tuple[str, ...],
    params: tuple[str, ...],
    params_file: Path | None,
    target_version: str | None,
    target_apis: Path | None,
    source_provider: str | None,
    report_file: Path | None,
    copy_list: Path | None,
    architectures: tuple[str, ...],
    print_schema: bool,
    describe: bool,
    run_examples: bool,
    source: str | None,
    target: str | None,
) -> None:
    """Adapt the manifests in IN to the target, and write them to OUT.

    IN is a folder or a file of manifests, - is standard input; OUT likewise. A folder is written in apply
    order. Exit status: 0 clean, 2 blockers found, 1 bad input.
    """
    try:
        if print_schema:
            from migration_ops.transform.schema import rule_set_schema

            click.echo(orjson.dumps(rule_set_schema(), option=orjson.OPT_INDENT_2))
            return
        if describe:
            from migration_ops.transform.catalogue import describe as written
            from migration_ops.transform.loading import load_rule_sets

            click.echo(written(load_rule_sets(rules)))
            return
        if run_examples:
            sys.exit(EXIT_BAD_INPUT if _failed_examples(rules) else 0)
        if not (rules or params_file) or source is None or target is None:
            raise click.UsageError("give --rules, IN and OUT")
        check_location(target)
        _refuse_one_file_for_two(target, report_file, copy_list)
        settings = _settings(params_file, params)
        names = [*settings.pop("rules"), *rules]
        parameters = Parameters(
            **settings,
            target_version=target_version,
            target_apis=_apis(target_apis),
            source_provider=source_provider,
        )
        result = _adapted(source, names, parameters, architectures)
        write_manifests(result.objects, target)
        if report_file is not None:
            write_private(report_file, orjson.dumps(result.report(), option=orjson.OPT_INDENT_2))
        if copy_list is not None:
            images = {image.source: image.target for image in result.image_copies}
            write_private(copy_list, dump(images).encode())
    except TransformError as error:
        for line in error.lines():
            click.echo(f"error: {line}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    _say(result)
    if result.blockers:
        sys.exit(EXIT_BLOCKERS)


def _adapted(
    source: str, names: list[str], parameters: Parameters, architectures: tuple[str, ...]
) -> TransformResult:
    from migration_ops.transform.engine import transform as adapt
    from migration_ops.transform.loading import load_rule_sets

    rule_sets = load_rule_sets(names)
    gc.disable()  # manifests are millions of containers without cycles, and this process ends soon
    result = adapt(read_manifests(source), rule_sets, parameters)
    if not architectures:
        return result
    from migration_ops.transform.registries import check_architectures

    checked = check_architectures(result.image_copies, architectures)
    return replace(result, findings=by_severity([*checked, *result.findings]))


def _say(result: TransformResult) -> None:
    told = [
        Told(finding.severity, finding.object, finding.message, finding.rule)
        for finding in result.findings
        if finding.severity != "info"
    ]
    for group in group_findings(told):
        click.echo(f"{group.severity}: {group.where}: {group.text} ({group.rest})", err=True)
    report = result.report()
    click.echo(
        f"{report['objects']} objects, {report['changed']} changed, {report['dropped']} dropped, "
        f"{len(result.findings)} findings, {len(result.blockers)} of them blockers",
        err=True,
    )


def _failed_examples(names: tuple[str, ...]) -> int:
    """Run the examples of rule files, say how each went, and count those that failed."""
    from migration_ops.transform.loading import load_rule_sets
    from migration_ops.transform.testing import run_test

    failed = passed = 0
    for name in names:
        loaded = load_rule_sets([name])
        own = next(rule_set for rule_set in loaded if rule_set.name == Path(name).stem)
        for test in own.tests:
            problems = run_test(own, test, brought=loaded)
            failed, passed = failed + bool(problems), passed + (not problems)
            click.echo(f"{'FAILED' if problems else 'passed'}: {own.name}: {test.name}")
            for problem in problems:
                click.echo(f"  {problem}")
    click.echo(f"{passed} examples passed, {failed} failed", err=True)
    return failed


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
                raise ParameterError(
                    f"{params_file}: {name} must be {kind_of(settings[name])}, not {kind_of(value)}"
                )
        if not all(isinstance(name, str) for name in given.get("rules", ())):
            raise ParameterError(f"{params_file}: rules must list names of rule sets, or files")
        settings.update(given)
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise ParameterError(f"--param {param!r}: write it as name=value")
        settings["params"] = _with_param(settings["params"], name.split("."), value)
    return settings


def _with_param(params: dict[str, Any], names: list[str], value: str) -> dict[str, Any]:
    first, *below = names
    member = params.get(first)
    inner = _with_param(member if isinstance(member, dict) else {}, below, value) if below else value
    return {**params, first: inner}


def _refuse_one_file_for_two(target: str, *others: Path | None) -> None:
    taken = [path.resolve() for path in (None if target == STREAM else Path(target), *others) if path]
    for number, path in enumerate(taken):
        if path in taken[:number] and path.exists() <= path.is_file():
            raise ParameterError(
                f"{path} would be written twice; give OUT, --report and --copy-list a file each"
            )


def _apis(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    content = _read_text(path)
    document = _read_yaml(path) if content.lstrip().startswith(("[", "-")) else content.split("\n")
    if not isinstance(document, list) or not all(isinstance(item, str) for item in document):
        raise ParameterError(f"{path} must list group/version or group/version/Kind, one a line or as YAML")
    return check_apis(
        [item.strip() for item in document if item.strip() and not item.startswith("#")], str(path)
    )


def _read_yaml(path: Path) -> Any:
    text = _read_text(path)
    try:
        return next(iter(load_all(text)), None)
    except (yaml.YAMLError, ValueError) as error:
        line, problem = yaml_problem(error, text)
        raise ParameterError(f"{path}:{line}: is no YAML: {problem}") from error


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAXIMUM_BYTES + 1)
    if len(content) > MAXIMUM_BYTES:
        raise ParameterError(f"{path} is larger than {MAXIMUM_BYTES // 2**20} MiB; is it the right file?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path} is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
