"""Predicts the next value of a positive quantity from a handful of earlier ones.

Durations and rates are positive and vary by factors, so everything happens on the logarithm. Location is the
median, spread the median absolute deviation times 1.4826 (F. R. Hampel, 1974; P. J. Rousseeuw and C. Croux,
"Alternatives to the median absolute deviation", JASA 88, 1993): one run that waited for a slow node doesn't
spoil the forecast.

A migration has one, two or three earlier runs, and a spread from so few is no spread. So it is mixed with a
prior as in the normal model with a scaled inverse chi-squared prior (A. Gelman et al., "Bayesian Data
Analysis", 3rd ed., sections 3.2 and 3.3): with a prior spread s0 that weighs f0 degrees of freedom, the next
value follows Student's t with f0 + n - 1 degrees of freedom and the scale
sqrt((f0 s0^2 + (n - 1) s^2) / (f0 + n - 1) * (1 + 1/n)). Range ends are its 10 % and 90 % quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, median

from migration_ops.migration.forecast.ranges import Range

NEWEST = 10
"""Earlier values than these say little about a cluster that has changed since."""

PRIOR_SPREAD = math.log(1.25)
"""What we believe before the second run: the same step takes a quarter more or less the next time."""

PRIOR_WEIGHT = 4
"""Degrees of freedom of that belief: five runs weigh as much as it does."""

_QUANTILE = 0.9
_MAD_TO_DEVIATION = 1.4826
_SMALLEST = 1e-6


def predict(values: Sequence[float]) -> Range | None:
    """Where the next value should lie; nothing if there is no earlier one.

    :param values: earlier values, oldest first; those that aren't positive count as almost nothing.
    """
    logs = [math.log(max(value, _SMALLEST)) for value in values[-NEWEST:]]
    if not logs:
        return None
    middle, number = median(logs), len(logs)
    spread = _MAD_TO_DEVIATION * median(abs(value - middle) for value in logs)
    freedom = PRIOR_WEIGHT + number - 1
    scale = math.sqrt((PRIOR_WEIGHT * PRIOR_SPREAD**2 + (number - 1) * spread**2) / freedom)
    half = student_quantile(_QUANTILE, freedom) * scale * math.sqrt(1 + 1 / number)
    return Range.around(math.exp(middle - half), math.exp(middle), math.exp(min(middle + half, 700.0)))


def student_quantile(probability: float, freedom: int) -> float:
    """A quantile of Student's t distribution.

    Cornish-Fisher expansion around the normal quantile (M. Abramowitz and I. A. Stegun, "Handbook of
    Mathematical Functions", 26.7.5); right to three digits from four degrees of freedom on for the
    probabilities used here.

    :param freedom: degrees of freedom, at least `PRIOR_WEIGHT`.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
