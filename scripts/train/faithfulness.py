"""Whether maps are true to their model's opinion: taking away what a map marks must change the score faster than chance.

    python scripts/train/faithfulness.py --models models --report faithfulness.md
    python scripts/train/faithfulness.py --models models --maps contributions      # the frame model as one without a mask head
    python scripts/train/faithfulness.py --models models --maps grad-cam           # the sequence model, without a frame model

Forgeries of validation people, once clean and once compressed. Of each picture a share of the map's cells is taken away: those it marks
most, those it marks least, or cells drawn at random. To the frame model the patches are left out (it learned on pictures with half of them
missing, so that a gap is nothing new to it); to the sequence model, which sees each picture as a track of one frame, they become
the picture's mean colour. `contributions` and `grad-cam` are what `src/inference/networks/relevance.rs` computes. The table says how far the logit of P(fake) falls on average. In brackets 95 % bootstrap intervals over pictures
of how much further it falls than with patches drawn at random. Only pictures that are called more likely forged than not count:
there is no opinion to explain where there is none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from export import stored_network
from frame_validation import KINDS, PairSet, pair_set
from settings import CACHE_DIR, HERE, MODELS_DIR, read_config
from stills import normalise

SHARES = (0.05, 0.1, 0.2, 0.4)
RANDOM_ORDERS = 2
BATCH = 16
DRAWS = 2000


class FrameModel:
    """The frame model and its own maps."""

    name = "frame-dino-s"

    def __init__(self, folder: Path):
        self.network, stated = stored_network(folder)
        self.network.requires_grad_(False)
        self.preprocess = stated["preprocess"]

    def prepared(self, images: torch.Tensor) -> torch.Tensor:
        """u8 [N, 3, S, S] at the frame model's size -> the network's input."""
        return normalise(images, self.preprocess)

    def explained(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of P(fake) [N] and what each cell that is looked at says [N, cells]."""
        logits, maps = self.network(pictures)
        return logits, maps[:, self.network.embeddings.field]

    def without(self, pictures: torch.Tensor, order: torch.Tensor, gone: int) -> torch.Tensor:
        """Logits [N] without the first `gone` cells of `order` [N, cells]."""
        return self.network(pictures, self.network.embeddings.field[order[:, gone:].sort(1).values])[0]


class FrameContributions(FrameModel):
    """The same network as if it had no mask head: activation x gradient of the patch tokens that enter the last block."""

    @torch.enable_grad()
    def explained(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        entering = []

        def watch(_module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            entering.append(inputs[0].detach().requires_grad_())
            return (entering[0],)

        with self.network.encoder.layer[-1].register_forward_pre_hook(watch):
            logits, _ = self.network(pictures)
        (gradient,) = torch.autograd.grad(logits.sum(), entering)
        return logits.detach(), (entering[0] * gradient).sum(-1)[:, 1:].detach()


class SequenceModel(FrameModel):
    """Grad-CAM of the sequence model on tracks of one frame."""

    name = "sequence-s"

    def prepared(self, images: torch.Tensor) -> torch.Tensor:
        side = self.preprocess["size_px"]
        return normalise(F.interpolate(images.float(), size=(side, side), mode="bilinear", antialias=True).round(), self.preprocess)

    @torch.enable_grad()
    def explained(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.network.feature_extractor(pictures)
        features = maps.mean((2, 3)).requires_grad_()
        logits = self.judged(features)
        (gradient,) = torch.autograd.grad(logits.sum(), features)
        return logits.detach(), (maps * gradient[:, :, None, None]).sum(1).flatten(1)

    def without(self, pictures: torch.Tensor, order: torch.Tensor, gone: int) -> torch.Tensor:
        side = round(order.shape[1] ** 0.5)
        kept = torch.ones(order.shape).scatter_(1, order[:, :gone], 0).view(-1, 1, side, side)
        kept = F.interpolate(kept, size=pictures.shape[2:], mode="nearest")
        mean = pictures.mean((2, 3), keepdim=True)
        return self.judged(self.network.frame_features(pictures * kept + mean * (1 - kept)))

    def judged(self, features: torch.Tensor) -> torch.Tensor:
        track, _ = self.network.over_time(features[:, None])
        return track[:, 0] - track[:, 1]


MAPS = {"traces": FrameModel, "contributions": FrameContributions, "grad-cam": SequenceModel}


@torch.no_grad()
def falls(model: FrameModel, pictures: torch.Tensor, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """How far the logit falls, [N, shares] by order of deletion; of prepared pictures that are called forged."""
    found: dict[str, list[np.ndarray]] = {"marked most": [], "marked least": [], "at random": []}
    for part in pictures.split(BATCH):
        whole, maps = model.explained(part)
        called = whole > 0
        if not called.any():
            continue
        part, whole, marks = part[called], whole[called], maps[called].argsort(1, descending=True)
        found["marked most"].append(after(model, part, whole, marks))
        found["marked least"].append(after(model, part, whole, marks.flip(1)))
        drawn = [torch.from_numpy(rng.random(marks.shape).argsort(1)) for _ in range(RANDOM_ORDERS)]
        found["at random"].append(np.mean([after(model, part, whole, order) for order in drawn], 0))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def after(model: FrameModel, pictures: torch.Tensor, whole: torch.Tensor, order: torch.Tensor) -> np.ndarray:
    """[N, shares]: the logit with all cells less that without the first ones of `order` [N, cells]."""
    gone = [round(share * order.shape[1]) for share in SHARES]
    return np.stack([(whole - model.without(pictures, order, count)).numpy() for count in gone], 1)


def further(falls_of: dict[str, np.ndarray], rng: np.random.Generator) -> list[str]:
    """How much further the logit falls where the map marks most than at random, a cell a share."""
    difference = falls_of["marked most"] - falls_of["at random"]
    draws = difference[rng.integers(0, len(difference), (DRAWS, len(difference)))].mean(1)
    low, high = np.quantile(draws, [0.025, 0.975], 0)
    return [f"{mean:+.2f} ({l:+.2f} to {h:+.2f})" for mean, l, h in zip(difference.mean(0), low, high)]


def report(model: FrameModel, config: dict, cache_dir: Path) -> str:
    held: PairSet = pair_set(config, cache_dir)
    lines = ["| kind | left out | " + " | ".join(f"{share:.0%} of the map" for share in SHARES) + " |", "|---|---|" + "---|" * len(SHARES)]
    rng = np.random.default_rng(config["validation"]["seed"])
    for kind in KINDS:
        forged = torch.from_numpy(held.pairs[held.kinds == kind, 1]).permute(0, 3, 1, 2)
        fallen = falls(model, model.prepared(forged), rng)
        named = f"{kind} ({len(fallen['at random'])} of {len(forged)})"
        lines += [f"| {named} | {order} | " + " | ".join(f"{fall:.2f}" for fall in mean) + " |"
                  for order, mean in ((name, rows.mean(0)) for name, rows in fallen.items())]
        lines.append(f"| {named} | most, less random | " + " | ".join(further(fallen, rng)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--maps", choices=MAPS, default="traces")
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    kind = MAPS[arguments.maps]
    text = report(kind(arguments.models / kind.name), read_config(HERE / f"configs/{FrameModel.name}.toml"), arguments.cache)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
