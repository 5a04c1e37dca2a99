"""Train the sequence model: its ResNeXt on stills, then BiLSTM and attention on clips.

    python scripts/train/train_sequence.py --config scripts/train/configs/sequence-s.toml

The backbone goes on from an exported model's (`from`) and learns from stills with a picture logit and the blend mask at stride 8, and from
what the frame model says of them (`teacher.py`): its opinion, its map, and what a forgery changes in its features. Its pooled features of all clips are
then computed once, and the part that looks over time learns from them: flicker, lag, slide and jumps.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F
from tqdm import tqdm

from export import stored_network
from heads import SequenceTrainee
from loop import StillTraining, draw_curves
from networks import SequenceNetwork
from pairs import shrunk
from precision import autocast
from settings import CACHE_DIR, MODELS_DIR, read_config
from stills import StillPool, normalise

FAKE, REAL = 0, 1


def train(config: dict, cache_dir: Path) -> None:
    torch.manual_seed(config["seed"])
    folder = cache_dir / "runs" / config["name"]
    network = SequenceNetwork(config["architecture"])
    trainee = SequenceTrainee(network)
    if "from" in config["stills"]:
        network.feature_extractor.load_state_dict(backbone_of(MODELS_DIR / config["stills"]["from"]))
    trained = StillTraining(trainee, config, folder).run().network
    network.load_state_dict(trained.state_dict())
    network = fit_over_time(network.eval(), config, cache_dir, folder)
    torch.save(network.state_dict(), folder / "trained.pt")


def backbone_of(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of an exported sequence model's ResNeXt."""
    network, _ = stored_network(folder)
    return network.feature_extractor.state_dict()


def fit_over_time(network: SequenceNetwork, config: dict, cache_dir: Path, folder: Path) -> SequenceNetwork:
    """LSTM, attention and classifier on frozen features; the averaged weights that do best on validation are kept."""
    plan, started, history = config["clips"], time.time(), []
    features, stills = clip_features(network, cache_dir, config), still_features(network, cache_dir, config)
    held, held_labels = video_features(network, cache_dir, "validation", config)
    average, best = copy.deepcopy(network), copy.deepcopy(network)
    learning = [p for name, p in network.named_parameters() if not name.startswith("feature_extractor")]
    optimizer = torch.optim.AdamW(learning, lr=plan["learning_rate"], weight_decay=plan["weight_decay"])
    rng = np.random.default_rng(config["seed"])
    for step in range(plan["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = plan["learning_rate"] * min(1, (step + 1) / 50) * (1 - step / plan["steps"])
        clips, labels = clip_batch(stills if rng.random() < plan["still_share"] else features, plan, rng)
        track, frames = network.over_time(clips)
        frame_labels = labels[:, None].expand(-1, frames.shape[1])
        loss = F.cross_entropy(track, labels) + plan["frame_weight"] * F.cross_entropy(frames.flatten(0, 1), frame_labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        keep = min(0.99, step / (step + 10))
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), network.parameters()):
                mine.lerp_(theirs, 1 - keep)
        if (step + 1) % plan["validate_every"] == 0:
            history.append({"step": step + 1, "images": (step + 1) * len(labels), "loss": loss.item(), "auc_videos": track_auc(average, held, held_labels)})
            if history[-1]["auc_videos"] >= max(row["auc_videos"] for row in history):
                best = copy.deepcopy(average)
            print(history[-1], f"{time.time() - started:.0f} s", flush=True)
            draw_curves(history, folder / "clips.png")
    return best


def clip_batch(features: torch.Tensor, plan: dict, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Genuine clips and their forgeries over one random stretch of time: features [2B, t, C], labels [2B]."""
    chosen = torch.from_numpy(rng.integers(0, len(features), plan["batch"]))
    length = int(rng.integers(1, features.shape[2] + 1))
    start = int(rng.integers(0, features.shape[2] - length + 1))
    clips = features[chosen][:, :, start : start + length]
    if rng.random() < 0.5:
        clips = clips.flip(2)
    if length > 4 and rng.random() < 0.5:  # there and back again: as long as the tracks that are served
        clips = torch.cat([clips, clips.flip(2)], 2)
    labels = torch.tensor([REAL] * len(chosen) + [FAKE] * len(chosen))
    kept = torch.from_numpy(rng.random((2 * len(chosen), 1, clips.shape[-1])) > plan["dropout"]).float() / (1 - plan["dropout"])
    return torch.cat([clips[:, 0], clips[:, 1]]) * kept, labels


@torch.no_grad()
def track_auc(network: SequenceNetwork, features: torch.Tensor, forged: np.ndarray) -> float:
    logits = network.eval().over_time(features)[0]
    return round(roc_auc_score(forged, (logits[:, FAKE] - logits[:, REAL]).numpy()), 4)


@torch.no_grad()
def frame_features(network: SequenceNetwork, frames: np.ndarray, preprocess: dict) -> torch.Tensor:
    """u8 [N, S, S, 3] -> pooled features [N, C]."""
    parts = []
    for part in torch.from_numpy(np.ascontiguousarray(frames)).split(64):
        images = normalise(part.permute(0, 3, 1, 2), preprocess).contiguous(memory_format=torch.channels_last)
        with autocast():
            parts.append(network.frame_features(images).float())
    return torch.cat(parts)


def clip_features(network: SequenceNetwork, cache_dir: Path, config: dict) -> torch.Tensor:
    """Features [clips, 2, T, C] of all training pairs, every n-th frame."""
    parts = []
    for path in tqdm(sorted((cache_dir / "clips/train").glob("*.npy")), desc="clip features"):
        pairs = np.load(path)[:, :, :: config["clips"]["frame_stride"]]
        flat = frame_features(network, pairs.reshape(-1, *pairs.shape[-3:]), config["preprocess"])
        parts.append(flat.view(*pairs.shape[:3], -1))
    return torch.cat(parts)


def still_features(network: SequenceNetwork, cache_dir: Path, config: dict) -> torch.Tensor:
    """Features [N, 2, 1, C] of stills, as clips of one frame: far more people than the clips show."""
    pool = StillPool("train", cache_dir).complete()
    rng = np.random.default_rng(config["seed"] + 1)
    parts = []
    for _ in tqdm(range(config["clips"]["stills"] // 32), desc="still features"):
        images = pool.batch(32, config["clips"]["shares"], rng)["images"].permute(0, 2, 3, 1).numpy()
        parts.append(frame_features(network, images, config["preprocess"]).view(2, 32, 1, -1).transpose(0, 1))
    return torch.cat(parts)


def video_features(network: SequenceNetwork, cache_dir: Path, split: str, config: dict) -> tuple[torch.Tensor, np.ndarray]:
    """Features [videos, 32, C] and 1 for every forged video."""
    parts, forged = [], []
    for path in tqdm(sorted((cache_dir / "videos" / split).glob("*.npz")), desc=f"{split} videos"):
        videos = np.load(path)
        frames = shrunk(videos["frames"], config["preprocess"]["size_px"])
        parts.append(frame_features(network, frames.reshape(-1, *frames.shape[2:]), config["preprocess"]).view(*frames.shape[:2], -1))
        forged += [family != "genuine" for family in videos["families"]]
    return torch.cat(parts), np.array(forged)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(read_config(arguments.config), arguments.cache)
