"""docker-compose.yaml and the Dockerfile, as far as they can be checked without an engine.

The file is held against Compose's own schema, its parts against each other, every Airflow command and setting
against the Airflow that is installed; its scripts are run, and the wheel is built as the Dockerfile does.
What can't be run here for want of programs: `weed` (SeaweedFS), `k3s` with its `kubectl` and `ctr`, and the
`pg_isready` and `curl` of the health checks.
"""

import ipaddress
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from migration_ops.migration.adaptation import adapt
from migration_ops.migration.plan_file import load_plan

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text()
TRIAL = ROOT / "include" / "trial"
PLAN = TRIAL / "plans" / "shop.yaml"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@pytest.fixture(scope="module")
def compose():
    assert all(default is not None for _, default in VARIABLE.findall(TEXT))
    return yaml.safe_load(VARIABLE.sub(lambda match: match[2], TEXT))


def test_the_file_is_what_compose_takes():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, ROOT / "docker-compose.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_services_name_only_what_there_is(compose):
    for name, service in compose["services"].items():
        for other, condition in (service.get("depends_on") or {}).items():
            needed = compose["services"][other]
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in needed, f"{name} waits for the health of {other}, which tells none"
            else:
                assert needed.get("restart") in {None, "no"}, f"{name} waits for the end of {other}"
        for config in service.get("configs") or []:
            assert config["source"] in compose["configs"]
        for volume in service.get("volumes") or []:
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in compose["volumes"]


def test_images_have_exact_versions(compose):
    images = {service["image"] for service in compose["services"].values()}
    assert images
    for image in images - {"migration-ops-airflow:local"}:
        assert re.search(r":v?\d+[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?$", image), image
    assert not any("minio" in image for image in images)


def test_every_airflow_command_and_setting_is_one(compose):
    from airflow.cli.cli_parser import get_parser
    from airflow.configuration import conf

    parser = get_parser()
    started = set()
    for service in compose["services"].values():
        if "AIRFLOW__CORE__EXECUTOR" not in service.get("environment", {}):
            continue
        command = service["command"] if isinstance(service["command"], list) else [service["command"]]
        parser.parse_args(command)
        started.add(" ".join(command))
        for name in service["environment"]:
            if name.startswith("AIRFLOW__"):
                section, option = name.lower().removeprefix("airflow__").split("__", 1)
                known = option in conf.configuration_description.get(section, {}).get("options", {})
                assert known or (section == "core" and option.startswith("simple_auth")), name
    assert started == {"db migrate", "api-server", "scheduler", "dag-processor", "triggerer"}


def test_the_connections_are_those_of_the_plan(compose, tmp_path):
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        kubeconfig = {"clusters": [{"cluster": {"server": "https://127.0.0.1:6443"}, "name": "default"}]}
        (tmp_path / side / "kubeconfig.yaml").write_text(yaml.safe_dump(kubeconfig))
    (tmp_path / "connections").mkdir()
    script = compose["configs"]["write-connections"]["content"].replace('f"/{', f'f"{tmp_path}/{{')
    script = script.replace('"/connections/', f'"{tmp_path}/connections/')
    environment = compose["services"]["connections"]["environment"]
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)

    written = json.loads((tmp_path / "connections" / "connections.json").read_text())
    plan = yaml.safe_load(PLAN.read_text())
    assert set(written) == {plan[part]["conn_id"] for part in ("source", "target", "vault")}
    assert "https://k3s-source:6443" in written["shop_source"]["extra"]["kube_config"]
    vault = written["shop_vault"]
    host = compose["services"]["s3"]["networks"]["default"]["ipv4_address"]
    assert vault["host"] == f"s3:http://{host}:8333/vault/shop"
    (identity,) = json.loads(compose["configs"]["s3-identities"]["content"])["identities"]
    key = identity["credentials"][0]
    assert (key["accessKey"], key["secretKey"]) == (
        vault["extra"]["access_key"],
        vault["extra"]["secret_key"],
    )


def test_the_plan_is_the_one_that_airflow_reads_and_the_application_is_what_it_names(compose):
    folder = compose["services"]["scheduler"]["environment"]["MIGRATION_OPS_PLANS"]
    assert PLAN.parent == ROOT / Path(folder).relative_to("/opt/airflow")
    plan = load_plan(PLAN)
    application = list(yaml.safe_load_all((TRIAL / "application.yaml").read_text()))
    workloads = {f"{one['kind']}/{one['metadata']['name']}".lower() for one in application}
    assert {name for wave in plan.quiesce.waves or () for name in wave} <= workloads
    assert {probe.exec.pod for probe in plan.verify.probes if probe.exec} <= workloads
    result = adapt(plan, application, target_version="1.32")
    assert [one for one in result.findings if one.severity in {"blocker", "decision"}] == []
    (claims,) = [
        one["spec"]["volumeClaimTemplates"] for one in result.objects if one["kind"] == "StatefulSet"
    ]
    assert [one["spec"]["storageClassName"] for one in claims] == ["local-path"]


def test_the_target_takes_the_application():
    for manifest in yaml.safe_load_all((TRIAL / "application.yaml").read_text()):
        kubernetes_validate.validate(manifest, "1.32", strict=True)


def test_everybody_who_may_log_in_has_a_password(compose):
    users = compose["services"]["scheduler"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
    assert set(json.loads(compose["configs"]["passwords"]["content"])) == {
        user.split(":")[0] for user in users.split(",")
    }


def test_the_dockerfile_copies_what_there_is_into_the_stages_that_compose_builds(compose):
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = {line.split()[-1] for line in lines if line.startswith("FROM")}
    assert stages == {"wheel", "mover", "airflow"}
    assert compose["services"]["scheduler"]["build"]["target"] in stages
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
            assert all((ROOT / source).exists() for source in sources), line


def test_every_airflow_process_tells_its_health_with_a_command_that_there_is(compose):
    from airflow.cli.cli_parser import get_parser

    asked = {}
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        kind, *command = compose["services"][name]["healthcheck"]["test"]
        if kind == "CMD-SHELL":
            words = shlex.split(command[0].replace("$$HOSTNAME", "host"))
            assert words[0] == "airflow"
            asked[name] = get_parser().parse_args(words[1:]).job_type
        else:
            asked[name] = urlsplit(command[-1]).path
    assert asked == {
        "api-server": "/api/v2/version",
        "scheduler": "/health",
        "dag-processor": "DagProcessorJob",
        "triggerer": "TriggererJob",
    }


def test_the_schedulers_health_is_asked_at_its_port(compose):
    from airflow.configuration import conf

    scheduler = compose["services"]["scheduler"]
    assert scheduler["environment"]["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "true"
    port = conf.get_default_value("scheduler", "scheduler_health_check_server_port")
    assert urlsplit(scheduler["healthcheck"]["test"][-1]).port == int(port)


def test_keys_are_such_as_airflow_takes(compose):
    from cryptography.fernet import Fernet

    environment = compose["services"]["scheduler"]["environment"]
    Fernet(environment["AIRFLOW__CORE__FERNET_KEY"])
    assert len(environment["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64


def test_airflow_finds_its_database(compose):
    postgres = compose["services"]["postgres"]["environment"]
    address = urlsplit(compose["services"]["scheduler"]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    assert (address.username, address.password, address.hostname, address.path) == (
        postgres["POSTGRES_USER"],
        postgres["POSTGRES_PASSWORD"],
        "postgres",
        f"/{postgres['POSTGRES_DB']}",
    )
    assert compose["services"]["postgres"]["healthcheck"]["test"][-2:] == ["-U", postgres["POSTGRES_USER"]]


def test_nobody_else_is_given_the_address_of_the_s3_server(compose):
    (pool,) = compose["networks"]["default"]["ipam"]["config"]
    subnet, others = ipaddress.ip_network(pool["subnet"]), ipaddress.ip_network(pool["ip_range"])
    address = ipaddress.ip_address(compose["services"]["s3"]["networks"]["default"]["ipv4_address"])
    assert others.subnet_of(subnet)
    assert address in subnet
    assert address not in others


def test_the_s3_server_is_asked_where_it_listens(compose):
    s3 = compose["services"]["s3"]
    assert {"-s3", "-ip.bind=0.0.0.0", "-dir=/data"} <= set(s3["command"].split())
    assert "s3:/data" in s3["volumes"]
    endpoints = [s3["healthcheck"]["test"][-1], compose["services"]["bucket"]["environment"]["S3_ENDPOINT"]]
    assert {urlsplit(one).port for one in endpoints} == {8333}
    assert f"-s3.config={s3['configs'][0]['target']}" in s3["command"]


def test_clusters_write_their_kubeconfigs_where_they_are_looked_for(compose):
    for side in ("source", "target"):
        cluster = compose["services"][f"k3s-{side}"]
        folder = f"{side}-kubeconfig"
        assert f"{folder}:/output" in cluster["volumes"]
        assert cluster["environment"]["K3S_KUBECONFIG_OUTPUT"] == "/output/kubeconfig.yaml"
        assert f"{folder}:/{side}:ro" in compose["services"]["connections"]["volumes"]
        assert f"--tls-san {cluster['hostname']}" in cluster["command"]


def test_the_bucket_is_made_once(compose):
    service = compose["services"]["bucket"]
    (config,) = service["configs"]
    assert service["entrypoint"] == ["python", config["target"]]
    script = compose["configs"][config["source"]]["content"]
    program = (
        "import boto3, os\nfrom moto import mock_aws\n"
        "with mock_aws():\n"
        f"    for _ in range(2): exec({script!r})\n"
        "    print([bucket['Name'] for bucket in store.list_buckets()['Buckets']])"
    )
    environment = service["environment"] | {"MOTO_S3_CUSTOM_ENDPOINTS": service["environment"]["S3_ENDPOINT"]}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "['vault']"


def test_the_wheel_of_the_images_holds_all_that_an_installation_needs(tmp_path):
    text = (ROOT / "Dockerfile").read_text()
    source, wheels = tmp_path / "src", tmp_path / "wheels"
    for line in text.partition(" AS mover")[0].splitlines():
        if line.startswith("COPY"):
            *names, target = line.split()[1:]
            for name in names:
                there = source / (name if target == "./" else target)
                there.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, there, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, there)
    (run,) = [line for line in text.splitlines() if line.startswith("RUN pip install --no-cache-dir hatch")]
    install, build = run.removeprefix("RUN ").split(" && ")
    assert install.endswith(f" hatchling=={version('hatchling')}")
    command = build.replace("/wheels", str(wheels)).split()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        (points,) = [archive.read(name).decode() for name in inside if name.endswith("entry_points.txt")]
    package = ROOT / "plugins" / "migration_ops"
    expected = {
        f"migration_ops/{path.relative_to(package)}"
        for path in package.rglob("*")
        if path.is_file() and path.suffix in {".py", ".j2", ".css", ".js", ".svg"}
    }
    rules = {path.name for path in (ROOT / "include" / "transform_rules").glob("*.yaml")}
    assert expected | {f"migration_ops/transform/transform_rules/{name}" for name in rules} <= inside
    assert "provider_info = migration_ops.provider_info:get_provider_info" in points
    assert "migration-ops = migration_ops.cli:main" in points


def test_the_locks_of_the_images_are_complete_and_pinned_by_hashes():
    for name in ("requirements.lock", "requirements-airflow.lock"):
        entries = (ROOT / name).read_text().split("\n")
        packages = [line for line in entries if re.match(r"^[a-z0-9]", line)]
        assert packages
        assert all(re.match(r"^[\w.\[\]-]+==\S+( ; .*)? \\$", line) for line in packages), name
        assert len([line for line in entries if "--hash=sha256:" in line]) >= len(packages)
