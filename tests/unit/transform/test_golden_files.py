"""An application of each platform, as its cluster shows it, and what becomes of it on ACK.

`UPDATE_GOLDEN=1` writes the results anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, read_manifests, transform
from migration_ops.transform.yamlio import dump

FOLDER = Path(__file__).parent / "golden"
PROVIDERS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
TARGET_VERSION = "1.32"


def adapted(provider: str) -> tuple[TransformResult, TransformResult]:
    settings: dict[str, Any] = yaml.safe_load((FOLDER / provider / "parameters.yaml").read_text())
    rule_sets = load_rule_sets(settings.pop("rules"))
    parameters = Parameters(**settings, target_version=TARGET_VERSION)
    result = transform(read_manifests(str(FOLDER / provider / "source.yaml")), rule_sets, parameters)
    return result, transform(result.objects, rule_sets, parameters)


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def results(provider: str) -> tuple[TransformResult, TransformResult]:
    return adapted(provider)


def test_the_application_becomes_what_the_golden_file_says(
    provider: str, results: tuple[TransformResult, TransformResult]
) -> None:
    result, _ = results
    report = result.report()
    written = "---\n".join(dump(item) for item in result.objects)
    findings = dump({key: report[key] for key in ("findings", "dropped_objects", "images")})
    if os.environ.get("UPDATE_GOLDEN"):
        (FOLDER / provider / "target.yaml").write_text(written)
        (FOLDER / provider / "findings.yaml").write_text(findings)

    assert written == (FOLDER / provider / "target.yaml").read_text()
    assert findings == (FOLDER / provider / "findings.yaml").read_text()


def test_the_result_fits_the_targets_schemas(results: tuple[TransformResult, TransformResult]) -> None:
    result, _ = results
    custom = {"AlbConfig", "SecretProviderClass"}

    for manifest in result.objects:
        if manifest["kind"] not in custom:
            kubernetes_validate.validate(manifest, TARGET_VERSION, strict=True)


def test_a_second_run_changes_nothing(results: tuple[TransformResult, TransformResult]) -> None:
    first, second = results

    assert second.changes == []
    assert second.dropped == []
    assert second.objects == first.objects


def test_every_change_names_its_rule_and_place(results: tuple[TransformResult, TransformResult]) -> None:
    result, _ = results

    for change in result.changes:
        assert change.path.startswith("/")
        assert change.rule.count("/") == 1
        assert change.before != change.after or type(change.before) is not type(change.after)


def test_nothing_of_the_sources_platform_is_left(
    provider: str, results: tuple[TransformResult, TransformResult]
) -> None:
    signs = {
        "eks": ["amazonaws.com/", "k8s.aws", "karpenter", "aws-load-balancer", "dkr.ecr"],
        "gke": ["gke.io", "cloud.google.com", "gcp", "pkg.dev"],
        "aks": ["azure-", "azure.com", "appgw", "azurecr.io", "azure.workload"],
        "tke": ["tencent.com", "qcloud", "tencentyun"],
        "cce": ["elb.", "everest.io", "yangtse", "swr.cn"],
        "onprem": ["metallb", "cattle.io", "plant.local", "extensions/"],
    }
    result, _ = results

    for manifest in result.objects:
        if manifest["kind"] not in {"ConfigMap", "SecretProviderClass", "Secret", "ClusterRole"}:
            without_env = dump(manifest).split("env:")[0]
            assert not [sign for sign in signs[provider] if sign in without_env], without_env
