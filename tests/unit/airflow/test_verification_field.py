"""The trigger forms say of each depth of verification what is really read."""

import pytest

from migration_ops.migration.volumes import SAMPLE_PERCENT
from migration_ops.operators.run_params import params_of


@pytest.mark.parametrize("verb", ["stage", "restore", "rehearse", "cutover"])
def test_metadata_is_always_compared_and_a_sample_of_staged_content_too(verb):
    said = params_of(verb)["verification"].schema["values_display"]
    assert "all metadata" in said["sample"]
    assert f"{SAMPLE_PERCENT} % of staged content" in said["sample"]
    assert "content and metadata" in said["full"]
    assert "no content" in said["metadata"]
