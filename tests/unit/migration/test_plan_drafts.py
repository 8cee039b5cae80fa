"""A plan that was written from a cluster is valid at once, and says what people have to decide."""

import json
from copy import copy
from pathlib import Path

import pytest
from click.testing import CliRunner

from migration_ops.migration import plan_init_cli
from migration_ops.migration.plan_cli import plan as plan_command
from migration_ops.migration.plan_draft import DraftOptions, draft_plan, known_classes
from migration_ops.migration.plan_facts import ClusterFacts, NamespaceFacts
from migration_ops.migration.plan_file import load_plan, parse_plan
from tests.unit.migration.stand_in_cluster import StandInCluster, thing

SHOP = ClusterFacts(
    provider="eks",
    version="v1.20.2",
    namespaces={
        "asleep": NamespaceFacts({"workloads": 2}),
        "batch": NamespaceFacts({"pods": 1, "claims": 1}),
        "shop": NamespaceFacts({"pods": 3, "claims": 7}),
    },
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
    assert plan.select.namespaces.include == ["shop", "batch", "asleep"]
    assert plan.transform.rules == ["api-versions", "eks-to-ack"]
    assert '- "shop"    # 3 pods, 7 claims' in text
    assert '- "asleep"    # DECIDE: no pod runs here; 2 workloads' in text


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


def test_connections_are_counted_and_a_target_that_was_not_seen_says_so(written):
    assert "# Airflow connections, one of type `kubernetes` and one of" in written(protect_only=True)[1]
    _, text = written()
    assert "# Airflow connections, two of type `kubernetes` and one of" in text
    assert "The target's may be of type `migration_ops_ack`, too; shop-west.register makes it." in text
    assert "target: {conn_id: shop_west_target}    # not looked at yet" in text


def test_a_region_that_nobody_said_is_a_question(written):
    plan, text = written()
    assert plan.transform.params == {"region": "cn-hangzhou"}
    assert "# DECIDE: the target's region; nobody said it" in text
    assert "registry-vpc.cn-hangzhou.aliyuncs.com/    # DECIDE: the region, too; 3 images" in text
    plan, text = written(region="cn-hangzhou")
    assert plan.transform.params == {"region": "cn-hangzhou"}
    assert "region;" not in text
    assert "region, too" not in text


def test_names_out_of_a_cluster_cannot_break_the_file(written):
    odd = ClusterFacts(
        provider="eks",
        version="v1",
        namespaces={"yes": NamespaceFacts(), "1e3": NamespaceFacts()},
        claims={'a": b': ["x/y"]},
    )
    plan, _ = written(odd)
    assert set(plan.select.namespaces.include) == {"yes", "1e3"}
    assert 'a": b' in plan.transform.storage_classes


@pytest.mark.parametrize("name", ["123", "1e3", "yes", "null", "0x1f"])
def test_a_name_that_yaml_reads_as_something_else_is_quoted(name):
    plan = parse_plan(Path("plan.yaml"), draft_plan(SHOP, DraftOptions(name=name)).encode())
    assert plan.name == name


def test_a_namespace_that_is_being_deleted_is_a_question(written):
    facts = ClusterFacts("eks", "v1", {"old": NamespaceFacts({"pods": 1}, is_ending=True)})
    assert '- "old"    # DECIDE: it is being deleted; 1 pod' in written(facts)[1]


def test_namespaces_left_out_as_a_platforms_are_named(written):
    facts = ClusterFacts(
        "eks", "v1", {"shop": NamespaceFacts({"pods": 1})}, platform=("amazon-shop", "velero")
    )
    assert "# Left out as a platform's own: amazon-shop, velero." in written(facts)[1]


def test_private_projects_of_a_public_registry_are_mapped(written):
    facts = ClusterFacts("gke", "v1", registries={"gcr.io/acme/": 2, "gcr.io/distroless/": 1})
    plan, text = written(facts)
    assert list(plan.transform.image_registries) == ["gcr.io/acme/"]
    assert "# Also used: gcr.io/distroless/." in text


def test_claims_that_several_nodes_mount_never_get_a_disk_unasked(written):
    facts = ClusterFacts("eks", "v1", claims={"corp-nfs": ["a/b"]}, shared_classes=frozenset({"corp-nfs"}))
    plan, text = written(facts)
    assert plan.transform.storage_classes["corp-nfs"] == known_classes("eks-to-ack")["efs-sc"]
    assert "DECIDE: not a class that the rules know; several nodes mount such claims" in text


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


@pytest.fixture
def source(monkeypatch):
    """A source in which the command finds three namespaces."""
    cluster = StandInCluster(
        *(thing("Namespace", name) for name in ("shop", "batch", "kube-system")),
        thing("Pod", "web", "shop"),
        thing("PersistentVolumeClaim", "data", "batch", spec={"storageClassName": "gp2"}),
    )
    opened = []

    def connect(kubeconfig, context):
        opened.append((kubeconfig.name, context))
        found = copy(cluster)
        found.address = f"https://{context}.example.com"
        return found

    monkeypatch.setattr(plan_init_cli, "_open", connect)
    cluster.opened = opened
    return cluster


@pytest.fixture
def kubeconfig(tmp_path):
    """A kubeconfig with two contexts."""
    path = tmp_path / "kubeconfig"
    path.write_text("{contexts: [{name: old}, {name: new}], current-context: old}")
    return path


def test_an_option_decides_what_is_taken(source, kubeconfig):
    said = ("init", "--kubeconfig", kubeconfig, "--name", "shop")
    assert 'include:\n      - "batch"' in run(*said, "--namespace", "batch").output
    assert '- "shop"' not in run(*said, "--namespace", "batch").output
    both = run(*said, "--namespace", "batch", "--namespace", "shop").output
    assert '- "shop"    # 1 pod\n      - "batch"    # DECIDE: no pod runs here; 1 claim\n' in both
    refused = run(*said, "--namespace", "nosuch")
    assert refused.exit_code == 1
    assert "there is no namespace nosuch in stand-in; there are shop, batch" in refused.output
    assert "is no DNS label" in run(*said, "--namespace", "shop/*").output


def test_what_may_not_be_read_is_told_on_stderr(source, kubeconfig):
    source._forbidden = {"pods"}
    done = run("init", "--kubeconfig", kubeconfig, "--name", "shop")
    assert done.exit_code == 0
    assert done.stderr == "migration-ops plan init: may not read in the source: pods in all namespaces\n"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--region", "x: {y", "is no region"),
        ("--image", "A B  c:::", "is no name of an image"),
        ("--namespace", "nosuch", "there is no namespace"),
    ],
)
def test_a_refusal_leaves_no_file(source, kubeconfig, tmp_path, option, value, words):
    file = tmp_path / "plan.yaml"
    arguments = ("init", "--kubeconfig", kubeconfig, "--name", "123", "-o", file)
    refused = run(*arguments, option, value)
    assert refused.exit_code != 0
    assert words in refused.output
    assert not file.exists()
    assert run(*arguments).exit_code == 0
    assert load_plan(file).name == "123"


def test_one_kubeconfig_serves_source_and_target(source, kubeconfig):
    said = ("init", "--kubeconfig", kubeconfig, "--name", "shop")
    done = run(*said, "--target-context", "new")
    assert done.exit_code == 0
    assert source.opened == [("kubeconfig", None), ("kubeconfig", "new")]
    assert "one context of" in run(*said, "--target-context", "old").output
    assert "one context of" in run(*said, "--target-kubeconfig", kubeconfig).output


def test_one_cluster_in_two_kubeconfigs_is_refused(source, kubeconfig, tmp_path):
    other = tmp_path / "other"
    other.write_text(kubeconfig.read_text())
    said = ("init", "--kubeconfig", kubeconfig, "--context", "old", "--name", "shop")
    done = run(*said, "--target-kubeconfig", other, "--target-context", "old")
    assert done.exit_code == 1
    assert "source and target are one cluster, https://old.example.com" in done.output
    assert "give another target, or leave it out" in done.output
    assert run(*said, "--target-kubeconfig", other, "--target-context", "new").exit_code == 0


def test_nothing_is_asked_without_a_terminal(source, kubeconfig):
    done = run("init", "--kubeconfig", kubeconfig)
    assert done.exit_code != 0
    assert "--name: missing, and there is no terminal to ask at" in done.output
    assert source.opened == []


# Enter to the questions for region, time zone and image.
REST = ("", "", "")


def asked(monkeypatch, *answers, options=()):
    monkeypatch.setattr(plan_init_cli, "is_terminal", lambda: True)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return CliRunner().invoke(plan_command, ["init", *options], input="\n".join(answers) + "\n")


def test_at_a_terminal_clusters_namespaces_and_name_are_asked_for(source, kubeconfig, monkeypatch):
    done = asked(monkeypatch, str(kubeconfig), "old", str(kubeconfig), "nosuch shop", "shop", "", *REST)
    assert done.exit_code == 0, done.output
    assert "  batch: 1 claim\n  shop: 1 pod\n" in done.stderr
    assert "there is no namespace nosuch" in done.stderr
    plan = parse_plan(Path("plan.yaml"), done.stdout.encode())
    assert (plan.name, plan.select.namespaces.include) == ("shop", ["shop"])
    assert plan.target is not None
    assert source.opened[-1] == ("kubeconfig", "new")


def test_at_a_terminal_a_plan_may_do_without_target_and_options_are_not_asked_again(
    source, kubeconfig, monkeypatch
):
    options = ["--kubeconfig", str(kubeconfig), "--context", "old"]
    done = asked(monkeypatch, "none", "all", "all-of-it", "Europe/Berlin", "", options=options)
    assert done.exit_code == 0, done.output
    plan = parse_plan(Path("plan.yaml"), done.stdout.encode())
    assert (plan.name, plan.target) == ("all-of-it", None)
    assert set(plan.select.namespaces.include) == {"shop", "batch"}
    assert plan.schedule.timezone == "Europe/Berlin"
    assert "Region" not in done.stderr


@pytest.mark.parametrize("answer", ["", "later"])
def test_at_a_terminal_a_target_may_come_later(source, kubeconfig, monkeypatch, answer):
    options = ["--kubeconfig", str(kubeconfig), "--context", "old"]
    done = asked(monkeypatch, answer, "", "shop", *REST, options=options)
    assert done.exit_code == 0, done.output
    plan = parse_plan(Path("plan.yaml"), done.stdout.encode())
    assert plan.target.conn_id == "shop_target"
    assert plan.transform.params == {"region": "cn-hangzhou"}
    assert "# DECIDE: the target's region; nobody said it" in done.stdout
    assert {context for _, context in source.opened} == {"old"}


def test_at_a_terminal_region_time_zone_and_image_are_asked_for_and_checked(source, kubeconfig, monkeypatch):
    options = ["--kubeconfig", str(kubeconfig), "--context", "old"]
    rest = ("x: {y", "cn-shanghai", "Mars/Base", "Asia/Shanghai", "A B", "example.com/mover:2")
    done = asked(monkeypatch, "later", "all", "shop", *rest, options=options)
    assert done.exit_code == 0, done.output
    plan = parse_plan(Path("plan.yaml"), done.stdout.encode())
    assert plan.transform.params == {"region": "cn-shanghai"}
    assert (plan.schedule.timezone, plan.movers.image) == ("Asia/Shanghai", "example.com/mover:2")
    for words in (
        "is no region",
        "is no time zone",
        "is no name of an image",
        "[cn-hangzhou, to be decided]",
    ):
        assert words in done.stderr
    given = ["--region", "cn-beijing", "--timezone", "UTC", "--image", "example.com/mover:3"]
    done = asked(monkeypatch, "later", "all", "shop", options=[*options, *given])
    assert done.exit_code == 0, done.output


def test_at_a_terminal_namespaces_that_cannot_be_meant_are_told_apart(source, kubeconfig, monkeypatch):
    options = ["--kubeconfig", str(kubeconfig), "--context", "old"]
    done = asked(monkeypatch, "", "kube-system", "all shop", ",", "shop", "shop", *REST, options=options)
    assert done.exit_code == 0, done.output
    for words in (
        "namespace kube-system is Kubernetes' own and stays",
        "`all` stands alone",
        "this names no namespace",
    ):
        assert words in done.stderr


def test_at_a_terminal_a_kubeconfig_without_contexts_is_refused(tmp_path, monkeypatch):
    empty = tmp_path / "kubeconfig"
    empty.write_text("{contexts: []}")
    done = asked(monkeypatch, str(empty))
    assert done.exit_code == 1
    assert f"{empty} has no context; give a kubeconfig that has one" in done.stderr


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
