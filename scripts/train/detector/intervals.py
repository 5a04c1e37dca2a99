"""95 % intervals."""

import math

import numpy as np


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Wilson score interval of a proportion."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_mean(values: list[float], seed: int = 1) -> tuple[float, float]:
    """Percentile interval of the mean over 2000 resamples."""
    if len(values) < 2:
        return float("nan"), float("nan")
    rng, data = np.random.default_rng(seed), np.asarray(values)
    means = [data[rng.integers(len(data), size=len(data))].mean() for _ in range(2000)]
    return tuple(float(v) for v in np.percentile(means, [2.5, 97.5]))
