"""The domain of a migration: plan, restore point, journal, verification, report.

Knows clusters, rules and vaults, and no Airflow. DAG files import this package at every parse, so only the
plan is imported here; the rest lies in modules of its own.
"""

from migration_ops.migration.errors import MigrationError, PlanError, RestorePointError, VerificationError
from migration_ops.migration.plan import Plan, plan_schema
from migration_ops.migration.plan_file import load_plan, load_plans, plans_folder, usable_plans

__all__ = [
    "MigrationError",
    "Plan",
    "PlanError",
    "RestorePointError",
    "VerificationError",
    "load_plan",
    "load_plans",
    "plan_schema",
    "plans_folder",
    "usable_plans",
]
