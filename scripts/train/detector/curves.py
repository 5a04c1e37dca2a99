"""Draws the training history."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402


def plot_curves(history: list[dict], path: Path) -> None:
    steps = [entry["step"] for entry in history]
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    panels = (("score", "box", "landmarks"), ("recall", "precision", "overlap"), ("landmark_error",))
    titles = ("training losses", "agreement with the teacher", "landmark error / eye distance")
    for axis, names, title in zip(axes, panels, titles):
        for name in names:
            axis.plot(steps, [entry[name] for entry in history], label=name)
        axis.set(title=title, xlabel="step")
        axis.grid(alpha=0.3)
        axis.legend()
    axes[0].set_yscale("log")
    figure.savefig(path, dpi=90)
    plt.close(figure)
