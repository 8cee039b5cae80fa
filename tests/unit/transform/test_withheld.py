"""A report says that secrets changed, and never what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.transform import Parameters, load_rule_sets, transform, write_manifests
from migration_ops.transform.cli import transform as command
from migration_ops.transform.results import Change
from migration_ops.transform.rules import RuleSet
from migration_ops.transform.secret_texts import without_credentials
from migration_ops.transform.withheld import LAST_APPLIED

EKS = load_rule_sets(["eks-to-ack"])

SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "db",
        "namespace": "shop",
        "uid": "6f1c",
        "annotations": {LAST_APPLIED: '{"stringData":{"password":"hunter22"}}'},
    },
    "type": "kubernetes.io/service-account-token",
    "data": {"token": "aHVudGVyMjI="},
}


def test_contents_of_a_secret_are_withheld() -> None:
    report = transform([SECRET], load_rule_sets(["cleanup"]), Parameters()).report()
    before = {change["path"]: change["from"] for change in report["changes"]}

    assert "hunter22" not in json.dumps(report)
    assert "aHVudGVyMjI=" not in json.dumps(report)
    assert before["/data/token"].startswith("(secret, fingerprint ")
    assert before["/metadata/uid"] == "6f1c"


def test_what_was_last_applied_is_withheld_of_every_kind() -> None:
    config = {**SECRET, "kind": "ConfigMap", "data": {}}

    assert "hunter22" not in json.dumps(
        transform([config], load_rule_sets(["cleanup"]), Parameters()).report()
    )


@pytest.mark.parametrize(
    ("reference", "path", "value"),
    [
        ("v1/Secret/shop/db", "/data", {"password": "hunter22"}),
        ("v1/Secret/shop/db", "/stringData/password", "hunter22"),
        ("v1/Secret/shop/db", "/metadata", {"annotations": {"note": "hunter22"}}),
        ("apps/v1/Deployment/shop/db", "/metadata/annotations", {LAST_APPLIED: "hunter22"}),
        ("apps/v1/Deployment/shop/db", "/spec/template/spec/containers/0/env/1/value", "mysql://a:hunter22@db/b"),
        ("v1/ConfigMap/shop/db", "/data/DB_PASSWORD", "hunter22"),
        ("apps/v1/Deployment/shop/db", "/spec/x/env", [{"name": "DB_PASSWORD", "value": "hunter22"}]),
    ],
)  # fmt: skip
def test_a_changed_value_that_is_secret_is_withheld(reference: str, path: str, value: Any) -> None:
    written = Change(reference, path, "own/rule", value, None).as_dict()

    assert "hunter22" not in json.dumps(written)
    assert "fingerprint" in json.dumps(written)
    assert written["to"] is None


def test_the_value_of_a_variable_is_withheld_by_the_variables_name(
    rules: Callable[[str], RuleSet], deployment: dict[str, Any]
) -> None:
    variables = [{"name": "DB_PASSWORD", "value": "hunter22"}, {"name": "MODE", "value": "fast"}]
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] = variables
    change_all = """\
    rules:
      - name: other
        do: [{set: {path: "$.spec.template.spec.containers[0].env[*].value", value: hunter33, only: present}}]
    """

    report = transform([deployment], [rules(change_all)], Parameters()).report()

    by_path = {change["path"][-7:]: (change["from"], change["to"]) for change in report["changes"]}
    assert by_path["1/value"] == ("fast", "hunter33")
    assert all("fingerprint" in shown for shown in by_path["0/value"])
    assert "hunter22" not in json.dumps(report)


@pytest.mark.parametrize("value", ["web:1", 3, True, ["a"], {"name": "A", "value": "1"}, "http://db:5432/a"])
def test_other_values_are_shown(value: Any) -> None:
    written = Change("apps/v1/Deployment/shop/web", "/spec/x", "own/rule", value, value)

    assert written.as_dict()["from"] == value


DSN = "Server=db.{};User ID=sa;Password=hunter22;"
CONFIG = "db:\n  url: postgres://app:hunter22@db.{}.svc:5432/x\n  password: hunter22\n"


@pytest.mark.parametrize(
    "text",
    [
        DSN,
        CONFIG,
        "jdbc:mysql://db.{}.svc/x?user=a&password=hunter22",
        '{{"host":"db.{}.svc","password":"hunter22"}}',
        "mysql -h db.{}.svc -uroot -phunter22",
        "curl -u admin:hunter22 http://api.{}.svc.cluster.local/",
        "db.{}.svc hunter22",
        "amqp://u:hunter22@mq.{}.svc",
        "aws_secret_access_key: hunter22\nhost: db.{}.svc",
    ],
)
def test_of_a_text_only_the_words_are_shown_that_changed(text: str) -> None:
    change = Change("v1/ConfigMap/shop/c", "/data/x", "r/r", text.format("shop"), text.format("store"))
    written = change.as_dict()

    assert "hunter22" not in json.dumps(written)
    assert ("shop" in written["from"], "store" in written["to"]) == (True, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("password=hunter22 x", "password=hunter33 x"),
        ("postgres://app:hunter22@db/x", "postgres://app:hunter33@db/x"),
        ("a: hunter22\nb: c", "a: hunter22\nb: c\nd: e"),
        ("u:hunter22@reg.example.com/x", "u:hunter22@mirror/reg.example.com/x"),
        ("Bearer hunter22", None),
        ("x" * 200 + "hunter22", None),
        ({"clientSecret": "hunter22"}, None),
        ([{"name": "Authorization", "value": "hunter22"}], None),
    ],
)
def test_a_text_whose_secret_may_have_changed_is_withheld(before: Any, after: Any) -> None:
    change = Change("apps/v1/Deployment/shop/web", "/spec/x", "own/rule", before, after)

    assert "hunter" not in json.dumps(change.as_dict())


def test_an_annotation_whose_name_looks_secret_is_withheld() -> None:
    place = "/metadata/annotations/vault.example.com~1token"

    assert "hunter22" not in json.dumps(Change("v1/Service/a/b", place, "r/r", "hunter22", None).as_dict())


@pytest.mark.parametrize(
    "value",
    [
        '{"issuer":"x","clientSecret":"hunter22"}',
        'proxy_set_header Authorization "Basic hunter22=";',
        "token=hunter22",
        "https://a:hunter22@example.com",
        "mysql -pHunter22 hunter22",
    ],
)
@pytest.mark.parametrize("key", ["alb.ingress.kubernetes.io/odd", "alb.ingress.kubernetes.io/actions.x"])
def test_a_finding_says_nothing_secret(key: str, value: str) -> None:
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {key: value}},
        "spec": {
            "ingressClassName": "alb",
            "defaultBackend": {"service": {"name": "x", "port": {"name": "use-annotation"}}},
        },
    }
    result = transform([ingress], EKS, Parameters())

    assert any(key in finding.message for finding in result.findings)
    assert "hunter22" not in json.dumps(result.report())


def decisions_about(rule_set: str, kind: str, annotations: dict[str, str]) -> str:
    api_version = "v1" if kind == "Service" else "networking.k8s.io/v1"
    item = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 443}]}
        if kind == "Service"
        else {"ingressClassName": "alb"},
    }
    findings = transform([item], load_rule_sets([rule_set]), Parameters()).findings
    return "\n".join(finding.message for finding in findings if finding.severity == "decision")


def test_a_decision_names_the_listeners_that_it_is_about() -> None:
    listeners = {
        "443": {"protocol": ["HTTPS"], "tls": "cert-a", "hosts": {"b.example.com": {"tls": "cert-b"}}},
        "8443": {"protocol": ["TCP_SSL"], "tls": "cert-c"},
        "80": {"protocol": ["HTTP"]},
    }
    said = decisions_about(
        "tke-to-ack", "Service", {"service.cloud.tencent.com/specify-protocol": json.dumps(listeners)}
    )

    assert (
        "the listeners are 443 HTTPS with the certificate of the Secret cert-a for b.example.com "
        "with that of cert-b, 8443 TCP_SSL with the certificate of the Secret cert-c, 80 HTTP"
    ) in said


def test_a_decision_names_a_long_list_of_addresses_and_certificates() -> None:
    ranges = ",".join(f"10.{number}.0.0/16" for number in range(20))
    certificates = ", ".join(
        f"arn:aws:acm:eu-west-1:111122223333:certificate/{one}" for one in ("1a", "2b", "3c")
    )
    prefix = "alb.ingress.kubernetes.io/"
    said = decisions_about(
        "eks-to-ack", "Ingress", {f"{prefix}inbound-cidrs": ranges, f"{prefix}certificate-arn": certificates}
    )

    assert (ranges in said, certificates in said) == (True, True)


@pytest.mark.parametrize(
    "value", ["hunter22" * 20, "10.0.0.0/8," * 20 + "token:hunter22", "10.0.0.0/8 " * 20 + "hunter22"]
)
def test_a_decision_withholds_a_long_text_that_is_no_list(value: str) -> None:
    said = decisions_about("eks-to-ack", "Ingress", {"alb.ingress.kubernetes.io/inbound-cidrs": value})

    assert "inbound-cidrs: (withheld)" in said


@pytest.mark.parametrize(
    "message",
    [
        'actions.x: {"clientSecret":"hunter22"} can\'t be translated',
        'it is {\\"password\\":\\"x hunter22\\"}',
        'it is {"a":1,"token":"x hunter22',
        "the image u:hunter22@reg.example.com/x stays",
        "listeners are token=hunter22",
        "it calls mysql -h db -uroot -phunter22",
        "it calls curl -u admin:hunter22 http://api",
        "it sends Bearer hunter22",
        "Server=db;User ID=sa;Password=hunter22;",
    ],
)
def test_a_message_loses_its_credentials(message: str) -> None:
    assert "hunter22" not in without_credentials(message)


@pytest.mark.parametrize(
    "message",
    [
        "only 10.0.0.0/8, 192.168.0.0/16 may reach this Service",
        "copy docker.io/library/nginx:1@sha256:aaaa and map docker.io/ in image_registries",
        "the claim data-db-0 asks for 5Gi; it gets 20Gi",
        "the Secret shop/tls only names a certificate of the source's platform",
    ],
)
def test_other_messages_stay_as_they_are(message: str) -> None:
    assert without_credentials(message) == message


NAMES = st.text("abcxyz", min_size=1, max_size=8)
NUMBERS = st.integers(0, 59).map("{:02}".format)
PASSWORDS = st.text("ABCXYZ0189!#%$&*-_+=^", min_size=1, max_size=20).map("Q9{}".format)
HOSTS = st.one_of(NAMES, st.builds("{}.{}.svc".format, NAMES, NAMES), st.just("10.0.0.5"))
LOGINS = st.one_of(
    st.builds("{}/{}@{}:1521/orcl".format, NAMES, PASSWORDS, HOSTS),
    st.builds("{}/{}@//{}/orcl".format, NAMES, PASSWORDS, HOSTS),
    st.builds("jdbc:oracle:thin:{}/{}@{}:1521:orcl".format, NAMES, PASSWORDS, HOSTS),
    st.builds("{}:5432:{}:{}:{}".format, HOSTS, NAMES, NAMES, PASSWORDS),
    st.builds("{}:*:*:{}:{}".format, HOSTS, NAMES, PASSWORDS),
    st.builds("*:*:*:{}:{}".format, NAMES, PASSWORDS),
)
NO_LOGINS = st.one_of(
    st.builds("{}/{}@sha256:{}".format, NAMES, NAMES, NAMES),
    st.builds("{}.example.com:5000/{}/{}:1.2@sha256:{}".format, NAMES, NAMES, NAMES, NAMES),
    st.builds("git@{}.example.com:{}/{}.git".format, NAMES, NAMES, NAMES),
    st.builds("ssh://git@{}.example.com:22/{}/{}@main".format, NAMES, NAMES, NAMES),
    st.builds("git+https://{}.example.com/{}/{}@main".format, NAMES, NAMES, NAMES),
    st.builds("@{}/{}@{}".format, NAMES, NAMES, st.sampled_from(["1.2.3", "^2", "latest", "4.0.0-rc.1"])),
    st.builds("{}/{}@v{}.{}".format, NAMES, NAMES, NUMBERS, NUMBERS),
    st.builds("2026-11-23T{}:{}:{}Z".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("2026:11:23:{}:{}".format, NUMBERS, NUMBERS),
    st.builds("{}:{}:{}:{}:{}:{}".format, *[NUMBERS] * 6),
    st.builds("arn:aws:iam::111122223333:role/{}".format, NAMES),
    st.builds("2001:{}:a:b:c::1".format, NUMBERS),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LOGINS, st.sampled_from(["it is {}", "{}", "-s {} and more", '"{}"', "['{}']"]))
def test_passwords_of_logins_are_withheld(login: str, around: str) -> None:
    text = around.format(login)

    assert "Q9" not in without_credentials(text)
    assert "Q9" not in json.dumps(Change("v1/ConfigMap/a/b", "/data/x", "r/r", text, None).as_dict())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NO_LOGINS, st.sampled_from(["it is {}", "{}", "-s {} and more", '"{}"', "['{}']"]))
def test_names_that_only_look_like_logins_are_shown(name: str, around: str) -> None:
    assert without_credentials(around.format(name)) == around.format(name)


@pytest.mark.parametrize("login", ["app/{}@db:1521/x", "db:5432:x:app:{}", "sqlplus app/{}@db"])
def test_a_password_of_a_login_that_changed_is_withheld(login: str) -> None:
    texts = (f"-s {login.format('hunter22')} x", f"-s {login.format('hunter33')} x")
    change = Change("apps/v1/Deployment/shop/web", "/spec/x", "own/rule", *texts)

    assert "hunter" not in json.dumps(change.as_dict())


@pytest.mark.parametrize(
    "piece",
    ["a/", "a/b,", "a:1:", "*:", "a/b@", "a:1:b:c:\\\\", "a:", "password", "mysql ", "begin ", " -u", "a."],
)
def test_a_very_long_message_is_cut(piece: str) -> None:
    assert len(without_credentials(piece * 100_000)) < 3000


def test_two_values_have_two_fingerprints() -> None:
    written = Change("v1/Secret/shop/db", "/data/a", "own/rule", "one", "two").as_dict()

    assert written["from"] != written["to"]


def test_the_report_is_its_owners(tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text(json.dumps(SECRET))
    report = tmp_path / "report.json"
    arguments = [
        "--rules",
        "cleanup",
        "--report",
        str(report),
        str(tmp_path / "in.yaml"),
        str(tmp_path / "o"),
    ]

    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert report.stat().st_mode & 0o777 == 0o600
    made = [tmp_path / "o", *(tmp_path / "o").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o700}


@pytest.mark.parametrize("name", ["out.yaml", "out.json"])
def test_a_file_that_was_everybodys_becomes_its_owners(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.touch(0o644)

    write_manifests([SECRET], str(target))

    assert target.stat().st_mode & 0o777 == 0o600
