"""What the frame model learns from the trained sequence model's backbone, besides the labels.

A transformer that starts from nothing needs far more pictures than there are. The backbone, whose third stage has the same
8x8 grid as the transformer's patches, tells it for every patch what to look for.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from heads import SequenceTrainee
from networks import SequenceNetwork
from settings import HERE, read_config
from stills import normalise


class Teacher:
    """The backbone of a finished `train_sequence.py` run, with its training heads."""

    def __init__(self, name: str, cache_dir: Path):
        self.config = read_config(HERE / f"configs/{name}.toml")
        self.trainee = SequenceTrainee(SequenceNetwork(self.config["architecture"])).eval()
        self.trainee.load_state_dict(torch.load(cache_dir / "runs" / name / "stills.pt", weights_only=True)["average"])
        self.trainee.to(memory_format=torch.channels_last)
        self.patch_width, self.picture_width = (self.config["architecture"]["stem_width"] * factor for factor in (16, 32))

    @torch.no_grad()
    def look(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """u8 [B, 3, 128, 128] -> patch features [B, 64, C] and picture features [B, 2C], normalised, and picture logits [B]."""
        parts = self.trainee.network.feature_extractor
        inputs = normalise(images, self.config["preprocess"]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            grid = parts[:7](inputs)
            pooled = parts[7:](grid).mean((2, 3))
            logits = self.trainee.picture_head(pooled)[:, 0]
        patches, pooled = grid.float().flatten(2).transpose(1, 2), pooled.float()
        return F.layer_norm(patches, patches.shape[-1:]), F.layer_norm(pooled, pooled.shape[-1:]), logits.float()


class Distillation(nn.Module):
    """The loss of guessing the teacher's features from the tokens, and its opinion from the class token's logit."""

    def __init__(self, teacher: Teacher, width: int, plan: dict):
        super().__init__()
        self.teacher, self.plan = [teacher], plan  # in a list: not a part of this module's state
        self.patches = nn.Linear(width, teacher.patch_width)
        self.picture = nn.Linear(width, teacher.picture_width)

    def forward(self, images: torch.Tensor, tokens: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Pictures u8 [B, 3, S, S], output tokens [B, 1 + patches, width], picture logits [B]."""
        patches, picture, opinion = self.teacher[0].look(images)
        tokens = tokens.float()
        features = F.smooth_l1_loss(self.patches(tokens[:, 1:]), patches) + F.smooth_l1_loss(self.picture(tokens[:, 0]), picture)
        agreement = F.binary_cross_entropy_with_logits(logits.float(), opinion.sigmoid())
        return self.plan["feature_weight"] * features + self.plan["opinion_weight"] * agreement
