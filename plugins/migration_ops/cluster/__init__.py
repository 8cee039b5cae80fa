"""Kubernetes: discover, select, capture, quiesce, apply, watch.

Manifests are plain dictionaries. This package knows neither the vault, nor rules, nor Airflow, and loads the
Kubernetes client only when a cluster is connected to.
"""

from migration_ops.cluster.apply_one import ObjectResult
from migration_ops.cluster.applying import apply
from migration_ops.cluster.archive import read_capture, write_capture
from migration_ops.cluster.captured import Capture, CapturedObject, LeftOut
from migration_ops.cluster.capturing import capture
from migration_ops.cluster.claims import Claim
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import (
    AlreadyExists,
    ApiError,
    CaptureFormatError,
    ClusterError,
    ClusterUnreachable,
    Conflict,
    Expired,
    Forbidden,
    KubeconfigError,
    NotAuthenticated,
    NotFound,
    QuiesceError,
    QuiesceTimeout,
    Rejected,
    SelectionError,
    ServerFailed,
)
from migration_ops.cluster.kinds import ApiResource, Discovery, discover, discovery
from migration_ops.cluster.marks import label_value
from migration_ops.cluster.permissions import (
    Permission,
    PermissionResult,
    check_permissions,
    source_permissions,
    target_permissions,
)
from migration_ops.cluster.quiesce_record import QuiescedWorkload, QuiesceRecord
from migration_ops.cluster.quiescing import foresee_quiesce, quiesce
from migration_ops.cluster.reference import Manifest, ObjectReference, reference_of
from migration_ops.cluster.resuming import ResumeResult, resume
from migration_ops.cluster.rollback import RollbackResult, roll_back
from migration_ops.cluster.selection import Selection
from migration_ops.cluster.stillness import disturbances
from migration_ops.cluster.stopped import find_quiesced
from migration_ops.cluster.storage import is_default_class, storage_classes
from migration_ops.cluster.stripping import AddressPolicy, strip_for_apply
from migration_ops.cluster.waiting import NotReady, ReadinessResult, readiness, wait_ready

__all__ = [
    "AddressPolicy",
    "AlreadyExists",
    "ApiError",
    "ApiResource",
    "Capture",
    "CaptureFormatError",
    "CapturedObject",
    "Claim",
    "Cluster",
    "ClusterError",
    "ClusterUnreachable",
    "Conflict",
    "Discovery",
    "Expired",
    "Forbidden",
    "KubeconfigError",
    "LeftOut",
    "Manifest",
    "NotAuthenticated",
    "NotFound",
    "NotReady",
    "ObjectReference",
    "ObjectResult",
    "Permission",
    "PermissionResult",
    "QuiesceError",
    "QuiesceRecord",
    "QuiesceTimeout",
    "QuiescedWorkload",
    "ReadinessResult",
    "Rejected",
    "ResumeResult",
    "RollbackResult",
    "Selection",
    "SelectionError",
    "ServerFailed",
    "apply",
    "capture",
    "check_permissions",
    "discover",
    "discovery",
    "disturbances",
    "find_quiesced",
    "foresee_quiesce",
    "is_default_class",
    "label_value",
    "quiesce",
    "read_capture",
    "readiness",
    "reference_of",
    "resume",
    "roll_back",
    "source_permissions",
    "storage_classes",
    "strip_for_apply",
    "target_permissions",
    "wait_ready",
    "write_capture",
]
