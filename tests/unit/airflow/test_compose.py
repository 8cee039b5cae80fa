"""docker-compose.yaml and the Dockerfile, as far as they can be checked without an engine.

The file is held against Compose's own schema, its parts against each other, every Airflow command and setting
against the Airflow that is installed, and its scripts are run here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text()
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
        if service["image"] != "migration-ops-airflow:local":
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


def test_the_connections_are_those_of_the_example_plan(compose, tmp_path):
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
    plan = yaml.safe_load((ROOT / "include" / "plans" / "shop.yaml").read_text())
    assert set(written) == {plan[part]["conn_id"] for part in ("source", "target", "vault")}
    assert "https://k3s-source:6443" in written["shop_source"]["extra"]["kube_config"]
    vault = written["shop_vault"]
    host = compose["services"]["s3"]["networks"]["default"]["ipv4_address"]
    assert vault["host"] == f"s3:http://{host}:8333/vault/shop"
    assert "s3.bucket.create -name vault" in compose["services"]["bucket"]["entrypoint"][2]
    (identity,) = json.loads(compose["configs"]["s3-identities"]["content"])["identities"]
    key = identity["credentials"][0]
    assert (key["accessKey"], key["secretKey"]) == (
        vault["extra"]["access_key"],
        vault["extra"]["secret_key"],
    )


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
