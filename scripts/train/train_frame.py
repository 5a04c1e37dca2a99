"""Train the frame model: CLIP-architecture tower, then the D3 head on the frozen tower.

    python scripts/train/train_frame.py --config scripts/train/configs/frame-s.toml

First the tower learns from stills, with a logit on the class token, the blend mask on the patch tokens, and the features of
the sequence model's backbone as a guide (`distil.py`; train that model first). Then, as D3 does, the tower is frozen and the attention head learns from the class tokens of the shuffled and the original view.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from distil import Distillation, Teacher
from heads import FrameTrainee, whiten
from loop import StillTraining
from networks import FrameNetwork
from settings import CACHE_DIR, read_config
from stills import StillPool, jitter, normalise


def train(config: dict, cache_dir: Path) -> None:
    torch.manual_seed(config["seed"])
    folder = cache_dir / "runs" / config["name"]
    network = FrameNetwork(config["architecture"])
    teacher = Teacher(config["distil"]["teacher"], cache_dir)
    distillation = Distillation(teacher, config["architecture"]["width"], config["distil"])
    trainee = FrameTrainee(network.visual, config["architecture"], distillation)
    training = StillTraining(trainee, config, folder)
    training.start_from(lambda: whiten(network.visual.conv1, training.sample(128)))
    trained = training.run()
    network.visual.load_state_dict(trained.visual.state_dict())
    fit_head(network.eval(), config)
    torch.save(network.state_dict(), folder / "trained.pt")


def fit_head(network: FrameNetwork, config: dict) -> None:
    """D3's head by AdamW on class tokens computed once."""
    started, plan = time.time(), config["head"]
    rng = np.random.default_rng(config["seed"])
    views, labels = class_tokens(network, "train", plan, config, rng)
    held_views, held_labels = class_tokens(network, "validation", plan | {"pairs": plan["validation_pairs"]}, config, rng)
    optimizer = torch.optim.AdamW(network.attention_head.parameters(), lr=plan["learning_rate"], weight_decay=plan["weight_decay"])
    for step in range(plan["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = plan["learning_rate"] * (1 - step / plan["steps"])
        chosen = torch.from_numpy(rng.integers(0, len(views), plan["batch"]))
        loss = F.binary_cross_entropy_with_logits(network.attention_head(views[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        auc = roc_auc_score(held_labels, network.attention_head(held_views))
    print(f"D3 head: loss {loss.item():.3f}, validation AUC {auc:.4f}, {time.time() - started:.0f} s", flush=True)


@torch.no_grad()
def class_tokens(network: FrameNetwork, split: str, plan: dict, config: dict, rng: np.random.Generator) -> tuple:
    """Both views' class tokens [N, 2, width] and labels [N] of pool stills."""
    pool, views, labels = StillPool(split).complete(), [], []
    for _ in range(plan["pairs"] // 32):
        batch = pool.batch(32, plan["shares"], rng)
        images = jitter(batch["images"], rng) if split == "train" else batch["images"]
        with torch.autocast("cpu", torch.bfloat16):
            views.append(network.views(normalise(images, config["preprocess"])).float())
        labels.append(batch["labels"])
    return torch.cat(views), torch.cat(labels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(read_config(arguments.config), arguments.cache)
