"""Switching over: who reaches the application where, and when the names follow. Pure functions."""

from migration_ops.migration.switchover.addresses import (
    AddressChange,
    address_changes,
    addresses_of,
    without_address,
)
from migration_ops.migration.switchover.endpoints import services_without_endpoints
from migration_ops.migration.switchover.external_dns import hold_back, release_patch

__all__ = [
    "AddressChange",
    "address_changes",
    "addresses_of",
    "hold_back",
    "release_patch",
    "services_without_endpoints",
    "without_address",
]
