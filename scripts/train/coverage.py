"""What coverage costs: how many videos get a verdict when at most 1, 2 or 5 % of the genuine may be called FAKE.

    python scripts/train/coverage.py --models models --report coverage.md --plot models/coverage.png

For each rate the thresholds come from the validation videos (FAKE from the quantile of the genuine that leaves so many above it, REAL
up to the quantile of the forged that leaves as many below it) and are tried on the test videos; the last row is the bundle's own pair.
It reads the scores that `evaluate.py` kept for both splits. The plot shows every false alarm rate, on the test videos, with their own
thresholds. What the service adds (models that disagree, faces unlike the training data) counts as no verdict.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from evaluate import Bundle, read_scores
from settings import CACHE_DIR, MODELS_DIR

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

RATES = (0.01, 0.02, 0.05)


def limits_at(rate: float, fused: np.ndarray, forged: np.ndarray) -> dict[str, float]:
    """Thresholds at which at most `rate` of the genuine are FAKE and at most `rate` of the forged are REAL, never crossing."""
    fake = float(np.quantile(fused[~forged], 1 - rate, method="higher")) + 1e-6
    real = float(np.quantile(fused[forged], rate, method="lower")) - 1e-6
    return {"fake_at_or_above": fake, "real_at_or_below": min(real, fake - 1e-6)}


def shares(bundle: Bundle, scores: dict[str, np.ndarray], limits: dict[str, float]) -> list[float]:
    """Of the genuine and of the forged: FAKE, INCONCLUSIVE, REAL."""
    verdicts, forged = bundle.verdicts(scores, limits=limits), scores["family"] != "genuine"
    return [float((verdicts[mine] == verdict).mean()) for mine in (~forged, forged) for verdict in ("FAKE", "INCONCLUSIVE", "REAL")]


def report(bundle: Bundle, validation: dict[str, np.ndarray], test: dict[str, np.ndarray]) -> str:
    forged, fused = validation["family"] != "genuine", bundle.probability(validation["sequence"], validation["frame"])
    rows = [(f"{100 * rate:.0f} %", limits_at(rate, fused, forged)) for rate in RATES] + [("the bundle's own", bundle.bundle["thresholds"])]
    lines = ["| false alarms allowed | FAKE from | REAL to | genuine: FAKE | no verdict | REAL | forged: FAKE | no verdict | REAL |", "|---|" + "---|" * 8]
    for name, limits in rows:
        cells = [f"{100 * share:.0f} %" for share in shares(bundle, test, limits)]
        lines.append(f"| {name} | {limits['fake_at_or_above']:.3f} | {limits['real_at_or_below']:.3f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(bundle: Bundle, test: dict[str, np.ndarray], path: Path) -> None:
    forged, fused = test["family"] != "genuine", bundle.probability(test["sequence"], test["frame"])
    rates = np.arange(0.0, 0.21, 0.01)
    found = np.array([shares(bundle, test, limits_at(rate, fused, forged)) for rate in rates])
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(100 * rates, 100 * (1 - found[:, 1]), label="genuine videos with a verdict")
    axes.plot(100 * rates, 100 * (1 - found[:, 4]), label="forged videos with a verdict")
    axes.plot(100 * rates, 100 * found[:, 3], "--", label="forged videos called FAKE")
    axes.set(xlabel="errors allowed, both ways (%)", ylabel="share of test videos (%)", xlim=(0, 20), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    opened, scored = Bundle(arguments.models), {split: read_scores(split, arguments.cache) for split in ("validation", "test")}
    text = report(opened, scored["validation"], scored["test"])
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
    if arguments.plot:
        plot(opened, scored["test"], arguments.plot)
