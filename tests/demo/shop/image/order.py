"""An order and its checksum: what the writer commits, and what the checks compute again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """One order of a customer.

    :param number: consecutive, from 1
    :param customer: who ordered
    :param item: what was ordered
    :param cents: its price
    """

    number: int
    customer: str
    item: str
    cents: int

    def checksum(self) -> str:
        """Return the SHA-256 of the order's content, in hex."""
        content = json.dumps([self.number, self.customer, self.item, self.cents], separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()
