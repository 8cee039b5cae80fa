"""A plan that was written from a cluster is valid at once, and says what people have to decide."""

import json

import pytest
from click.testing import CliRunner

from migration_ops.migration.plan_cli import plan as plan_command
from migration_ops.migration.plan_draft import DraftOptions, draft_plan, known_classes
from migration_ops.migration.plan_facts import ClusterFacts, _registries
from migration_ops.migration.plan_file import load_plan

SHOP = ClusterFacts(
    provider="eks",
    version="v1.20.2",
    workloads={"shop": 3, "batch": 1},
    claims={"gp2": [f"shop/data-{number}" for number in range(6)], "fast": ["batch/work"], "": ["shop/odd"]},
    classes=["gp2", "fast"],
    registries={"111122223333.dkr.ecr.us-east-1.amazonaws.com/": 3, "docker.io/": 2},
)


@pytest.fixture
def written(tmp_path):
    """The plan that a draft is, read back, with its text."""

    def write(facts=SHOP, target=None, **options):
        text = draft_plan(facts, DraftOptions(name="shop-west", **options), target)
        path = tmp_path / "plan.yaml"
        path.write_text(text, encoding="utf-8")
        return load_plan(path), text

    return write


def test_what_the_cluster_tells_is_in_the_plan(written):
    plan, text = written()
    assert plan.source.provider == "eks"
    assert plan.source.conn_id == "shop_west_source"
    assert plan.select.namespaces.include == ["shop", "batch"]
    assert plan.transform.rules == ["api-versions", "eks-to-ack"]
    assert "# 3 pods, 7 claims" in text


def test_known_classes_are_mapped_and_unknown_ones_are_questions(written):
    plan, text = written()
    assert plan.transform.storage_classes["gp2"] == known_classes("eks-to-ack")["gp2"]
    lines = {line.split(":")[0].strip(' "'): line for line in text.splitlines()}
    assert "DECIDE" not in lines["gp2"]
    assert "DECIDE: not a class that the rules know" in lines["fast"]
    assert lines["gp2"].endswith("6 claims: shop/data-0, shop/data-1, shop/data-2, shop/data-3, ...")


def test_a_class_that_the_target_lacks_is_a_question(written):
    _, text = written(target=ClusterFacts(provider="ack", version="v1.34.2", classes=["alicloud-disk-essd"]))
    assert "DECIDE: the target has no alicloud-disk-topology-alltype, only alicloud-disk-essd" in text
    assert "# Kubernetes v1.34.2 when this was written" in text
    rest = next(line for line in text.splitlines() if line.strip().startswith('"*":'))
    assert "DECIDE: the target has no alicloud-disk-topology-alltype" in rest


def test_private_registries_are_mapped_and_public_ones_named(written):
    plan, text = written(region="cn-shanghai")
    assert plan.transform.image_registries == {
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/": "registry-vpc.cn-shanghai.aliyuncs.com/"
    }
    assert "# Also used: docker.io/. DECIDE" in text


def test_a_cluster_that_tells_nothing_gives_a_valid_plan_all_the_same(written):
    plan, text = written(ClusterFacts(provider="", version="v1.30.0"))
    assert plan.source.provider is None
    assert "DECIDE: provider not recognised" in text
    assert plan.select.namespaces.include == ["*"]


def test_a_plan_that_only_protects_has_no_target_and_nothing_to_adapt(written):
    plan, text = written(protect_only=True, timezone="Europe/Berlin")
    assert plan.target is None
    assert "transform:" not in text
    assert plan.schedule.timezone == "Europe/Berlin"


def test_names_out_of_a_cluster_cannot_break_the_file(written):
    odd = ClusterFacts(
        provider="eks", version="v1", workloads={"yes": 1, "1e3": 1}, claims={'a": b': ["x/y"]}
    )
    plan, _ = written(odd)
    assert set(plan.select.namespaces.include) == {"yes", "1e3"}
    assert 'a": b' in plan.transform.storage_classes


def test_images_count_by_their_registry():
    containers = [{"image": "nginx"}, {"image": "quay.io/team/app:1"}, {"image": "host:5000/a@sha256:0"}]
    found = _registries(
        {"spec": {"initContainers": [{"image": "grafana/grafana"}], "containers": containers}}
    )
    assert found == ["docker.io/", "docker.io/", "quay.io/", "host:5000/"]


def run(*arguments):
    return CliRunner().invoke(plan_command, list(map(str, arguments)))


def test_nothing_is_overwritten_and_a_bad_name_is_refused(tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("{}")
    taken = tmp_path / "taken.yaml"
    taken.write_text("mine")
    done = run("init", "--kubeconfig", kubeconfig, "--name", "shop", "-o", taken)
    assert done.exit_code == 1
    assert "exists; choose another file" in done.output
    assert taken.read_text() == "mine"
    assert "is no DNS label" in run("init", "--kubeconfig", kubeconfig, "--name", "Shop!").output


def test_a_kubeconfig_that_leads_nowhere_is_told_in_a_line(tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("{}")
    done = run("init", "--kubeconfig", kubeconfig, "--name", "shop")
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")


def test_pools_are_as_wide_as_the_plan_that_wants_most(tmp_path):
    for name, slots in (("a", 3), ("b", 8)):
        text = (
            f"{{apiVersion: migration-ops/v1, name: {name}, source: {{conn_id: s}}, vault: {{conn_id: v}}, "
            f"movers: {{image: i, parallelism: {{source: {slots}}}, pools: {{source: old-cluster}}}}}}"
        )
        (tmp_path / f"{name}.yaml").write_text(text)
    done = run("pools", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert json.loads(done.output) == {
        "old-cluster": {"slots": 8, "description": "Movers of a, b", "include_deferred": True}
    }
