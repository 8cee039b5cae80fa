"""`migration-ops plan check` looks at what a plan names, too: rule sets, parameters, notifiers' classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from migration_ops.cli import main
from migration_ops.migration.errors import PlanError, PlansError
from migration_ops.migration.notifier_class import trouble_with
from migration_ops.migration.plan_check import check_plans

EXAMPLE = Path(__file__).parents[3] / "include" / "plans" / "shop.yaml"
SMTP = "airflow.providers.smtp.notifications.smtp"


def check(folder: Path, old: str, new: str) -> tuple[int, list[str]]:
    """The example plan with one change: exit status, and the lines without the file's name."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    path = folder / "plan.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = CliRunner().invoke(main, ["plan", "check", str(path)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.replace(str(path), "plan").splitlines()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("eks-to-ack]", "eks-to-akc]", "transform.rules[1]: eks-to-akc: there is no such rule set"),
        ("{region: cn-hangzhou}", "{regoin: x}", "transform.params.regoin: no rule set knows the parameter"),
        ("{region: cn-hangzhou}", "{zones: [a]}", "must be a mapping (the source's zones"),
        ("{gp2: alicloud-disk-essd}", "{a: b, b: c}", "a becomes b, and b becomes c"),
        ("cpu: 50m", "cpu: lots", "movers.requests: cpu: 'lots' is no quantity; write 500m or 2"),
        ("cpu: 50m", "cpu: 2Gi", "'2Gi' is no amount of cpu"),
        ("memory: 1Gi", "memory: 128m", "'128m' is no amount of memory; write 512Mi or 1Gi"),
        ("memory: 1Gi", "memory: 32Mi", "requests.memory (64Mi) is more than limits.memory (32Mi)"),
        ("memory: 1Gi", "disk: 1Gi", "'disk' is nothing that a mover can ask for"),
        ("conn_id: shop_target", "conn_id: shop_source", "target.conn_id: is the source's connection, too"),
        ("shop_target}", "shop_target, version: '9.99'}", "target.version: there is no Kubernetes 9.99"),
        ("name: shop ", "name: 5 ", "name: must be text (it is 5; put quotes around it)"),
        ("port: 80", "port: []", "port: must be a whole number or text (it is a list)"),
        ("keep_last: 3", "keep_last: three", 'keep_last: must be a whole number (it is "three")'),
        ("keep_last: 3", f"keep_last: {'9' * 5000}", "a value that can't be read; put quotes around"),
        ("namespaces: {shop: shop-prod}", "namespaces: {shop: -}", "'-' is not a DNS label"),
        ("{shop: shop-prod}", "{shop: kube-system}", "namespaces.shop: kube-system belongs to the target's"),
        (
            "include: [shop]",
            "include: [shop, kube-system]",
            "include[1]: kube-system is Kubernetes' own and always",
        ),
        ("[statefulset/db]", "[db]", "quiesce.waves[1][0]: 'db' is not a workload: write kind/name"),
        ("pod: statefulset/db", "pod: job/db", "'job/db' is not a pod's name, or a workload's"),
        ("retention:", "notify: [{notifier: os.system}]\nretention:", "not the dotted path of a notifier"),
        ("retention:", "notify: [{notifier: subprocess.Popen}]\nretention:", "belongs to Python itself"),
        (
            "retention:",
            "notify: [{notifier: nope.Nope}]\nretention:",
            "notify[0].notifier: there is no module",
        ),
        ("retention:", f"notify: [{{notifier: {SMTP}.SmtpNotifer}}]\nretention:", "has no class SmtpNotifer"),
    ],
)
def test_what_a_plan_names_wrongly_is_told_in_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    status, lines = check(tmp_path, old, new)
    assert status == 1
    assert len(lines) == 1
    assert words in lines[0]
    assert lines[0].split(":")[1].isdigit()


def test_a_right_plan_stays_right_with_amounts_as_numbers_and_a_real_notifier(tmp_path: Path) -> None:
    changed = f"limits: {{cpu: 2, memory: 1073741824}}\nnotify: [{{notifier: {SMTP}.SmtpNotifier}}]\n"
    old = 'limits: {cpu: "2", memory: 1Gi}\n'
    status, lines = check(tmp_path, old, changed)
    assert (status, lines) == (0, ["plan: plan shop is valid"])


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    path = folder / f"{name}.yaml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("name: shop ", f"name: {name} ")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_folder_of_plans_is_checked_for_what_they_name(tmp_path: Path) -> None:
    changed(tmp_path, "good", "", "")
    check_plans(tmp_path)
    changed(tmp_path, "a", "eks-to-ack]", "eks-to-akc]")
    with pytest.raises(PlanError, match=r"a.yaml:19: transform.rules\[1\]: eks-to-akc: there is no such"):
        check_plans(tmp_path)
    changed(tmp_path, "b", "{region: cn-hangzhou}", "{regoin: x}")
    with pytest.raises(PlansError) as caught:
        check_plans(tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in lines[1:]] == [
        ["a.yaml:19", "transform.rules[1]"],
        ["b.yaml:23", "transform.params.regoin"],
    ]


def test_every_broken_file_is_named_however_many_they_are(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.yaml").write_text("name: x\na: 1\nb: 2\n")
    with pytest.raises(PlansError) as caught:
        check_plans(tmp_path)
    lines = str(caught.value).splitlines()
    assert {f"{tmp_path}/{number}.yaml:1" for number in range(40)} <= {line.split(": ")[0] for line in lines}
    assert f"{tmp_path}/7.yaml: 1 more; `migration-ops plan check` names them" in lines


def test_rule_sets_are_read_again_when_they_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, plans = tmp_path / "rules", tmp_path / "plans"
    shutil.copytree(EXAMPLE.parents[1] / "transform_rules", rules)
    plans.mkdir()
    monkeypatch.setenv("MIGRATION_OPS_RULES", str(rules))
    changed(plans, "own", "eks-to-ack]", "own-rules]")
    with pytest.raises(PlanError, match="own-rules: there is no such rule set"):
        check_plans(plans)
    (rules / "own-rules.yaml").write_text((rules / "eks-to-ack.yaml").read_text(encoding="utf-8"))
    check_plans(plans)
    (rules / "own-rules.yaml").write_text("name: [\n")
    with pytest.raises(PlanError, match=r"own-rules\.yaml"):
        check_plans(plans)


@pytest.mark.parametrize(
    ("source", "trouble"),
    [
        ("class Pager(BaseNotifier): ...", ""),
        ("class Pager(company.Alerts[str]): ...", ""),
        ("class Base(BaseNotifier): ...\nclass Pager(Base): ...", ""),
        ("from company import Pager", ""),
        ("def __getattr__(name): ...", ""),
        ("Pager = make_notifier()", ""),
        ("class Pager: ...", "is no Airflow notifier"),
        ("class Pager(object): ...", "is no Airflow notifier"),
        ("class Pager(Pager): ...", "is no Airflow notifier"),
        ("class Other(BaseNotifier): ...", "has no class Pager"),
        ("class Pager(", "is no Python that can be read"),
    ],
)
def test_a_notifier_is_known_by_its_source_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, trouble: str
) -> None:
    package = tmp_path / "on_call_tools" / "channels"  # folders without __init__.py are packages, too
    package.mkdir(parents=True)
    (package / "paging.py").write_text(f"raise RuntimeError('this module was run')\n{source}\n")
    monkeypatch.syspath_prepend(tmp_path)

    found = trouble_with("on_call_tools.channels.paging.Pager")

    assert trouble in found
    assert bool(found) == bool(trouble)


def test_a_class_of_airflows_that_is_no_notifier_is_told() -> None:
    assert "is no Airflow notifier" in trouble_with("airflow.providers.smtp.hooks.smtp.SmtpHook")
    assert trouble_with("airflow.providers.smtp.notifications.smtp.SmtpNotifier") == ""
