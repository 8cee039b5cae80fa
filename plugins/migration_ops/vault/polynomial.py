"""The repository's random irreducible polynomial of degree 53 over GF(2).

restic chunks with it and checks it whenever it opens a repository; our own chunker takes its seed from it.
"""

from __future__ import annotations

import os

DEGREE = 53


def _remainder(value: int, divisor: int) -> int:
    size = divisor.bit_length()
    while value.bit_length() >= size:
        value ^= divisor << (value.bit_length() - size)
    return value


def _greatest_common_divisor(first: int, second: int) -> int:
    while second:
        first, second = second, _remainder(first, second)
    return first


def _square(value: int, modulus: int) -> int:
    # Squaring over GF(2) puts a zero between every two bits.
    return _remainder(int(f"{value:b}", 4), modulus)


def is_irreducible(polynomial: int) -> bool:
    """Ben-Or's test: no factor of degree i up to half of the degree, for each i."""
    degree = polynomial.bit_length() - 1
    power = 2  # x
    for _ in range(degree // 2):
        power = _square(power, polynomial)
        if _greatest_common_divisor(polynomial, power ^ 2) != 1:
            return False
    return True


def random_polynomial() -> int:
    """Draw an irreducible polynomial of degree 53."""
    while True:
        candidate = int.from_bytes(os.urandom(8), "big") & ((1 << DEGREE) - 1) | 1 << DEGREE | 1
        if is_irreducible(candidate):
            return candidate
