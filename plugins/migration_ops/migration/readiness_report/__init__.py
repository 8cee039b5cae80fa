"""The readiness report: everything that would go wrong in a cutover, found before the downtime.

`gather` reads both clusters once; then every check is a pure function from what was read to findings, one
module for each group of checks; `readiness_report` runs them all. A finding names the object, says what is
wrong and what to do, and how bad it is. `connect` and the cutover's preparation show the report; blockers
stop both.
"""

from migration_ops.migration.readiness_report.finding import ReadinessFinding, ReadinessReport
from migration_ops.migration.readiness_report.gathering import gather
from migration_ops.migration.readiness_report.image_probe import (
    ImageProbe,
    build_image_probe,
    build_pre_pulls,
    build_pull_secrets,
    split_probes,
)
from migration_ops.migration.readiness_report.image_probing import (
    StartedProbe,
    is_settled,
    look_at_probes,
    look_until_settled,
    remove_probes,
    start_probes,
)
from migration_ops.migration.readiness_report.image_rounds import start_round
from migration_ops.migration.readiness_report.images import (
    ImagePull,
    check_images,
    image_probes,
    image_uses,
    read_image_probe,
)
from migration_ops.migration.readiness_report.patience import look_patiently
from migration_ops.migration.readiness_report.pods import PodDemand, pod_demands
from migration_ops.migration.readiness_report.probed import CONNECTED, Probed, last_probed
from migration_ops.migration.readiness_report.report import Situation, readiness_report

__all__ = [
    "CONNECTED",
    "ImageProbe",
    "ImagePull",
    "PodDemand",
    "Probed",
    "ReadinessFinding",
    "ReadinessReport",
    "Situation",
    "StartedProbe",
    "build_image_probe",
    "build_pre_pulls",
    "build_pull_secrets",
    "check_images",
    "gather",
    "image_probes",
    "image_uses",
    "is_settled",
    "last_probed",
    "look_at_probes",
    "look_patiently",
    "look_until_settled",
    "pod_demands",
    "read_image_probe",
    "readiness_report",
    "remove_probes",
    "split_probes",
    "start_probes",
    "start_round",
]
