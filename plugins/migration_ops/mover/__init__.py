"""Movers: the Jobs that run the vault program next to one volume, in either cluster.

Builds the objects, starts or finds them, and understands what they say. Whoever waits for them does so with
`observe`; nothing here blocks for longer than an API call.
"""

from migration_ops.mover.command import backup_command, probe_command, restore_command, verify_command
from migration_ops.mover.errors import (
    ClaimHeldError,
    MoverConflictError,
    MoverError,
    MoverFailedError,
    MoverNotStartedError,
)
from migration_ops.mover.job import build_job, build_secret
from migration_ops.mover.messages import parse_message, progress_text, read_messages, size_text
from migration_ops.mover.names import mover_name, run_key
from migration_ops.mover.observation import Observation, observe, summary_text
from migration_ops.mover.spec import Credentials, MoverSpec, mount_path

__all__ = [
    "ClaimHeldError",
    "Credentials",
    "MoverConflictError",
    "MoverError",
    "MoverFailedError",
    "MoverNotStartedError",
    "MoverSpec",
    "Observation",
    "backup_command",
    "build_job",
    "build_secret",
    "mount_path",
    "mover_name",
    "observe",
    "parse_message",
    "probe_command",
    "progress_text",
    "read_messages",
    "restore_command",
    "run_key",
    "size_text",
    "summary_text",
    "verify_command",
]
