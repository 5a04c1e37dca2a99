"""Which cells answer for which face, and what a wrong answer costs."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from layout import STRIDES

# Faces (geometric mean of the sides, px) each stride answers for; neighbours overlap.
SIZE_RANGE = {8: (0.0, 48.0), 16: (32.0, 128.0), 32: (88.0, 1e6)}
SMALLEST_EYE_SHARE = 0.2  # of the face's size: a profile's eye distance vanishes and would outweigh everything


@dataclass
class Targets:
    """One level: positive cells as flat indices into [N*H*W], their faces, and each cell's weight in the score loss."""

    cells: torch.Tensor
    faces: torch.Tensor  # [P,14] boxes (x, y, w, h) and landmarks in pixels
    weight: torch.Tensor  # [N*H*W]


def assign(faces: list[torch.Tensor], ignored: list[torch.Tensor], size: int) -> list[Targets]:
    """`faces` [n,14+] and `ignored` [m,4] per canvas of `size` pixels."""
    targets = []
    for stride in STRIDES:
        side = size // stride
        owner = torch.full((len(faces), side, side), -1, dtype=torch.long)
        weight = torch.ones(len(faces), side, side)
        everyone, offset = [torch.zeros(0, 14)], 0
        for index, rows in enumerate(faces):
            hide(weight[index], ignored[index], stride)
            claim(owner[index], rows, stride, offset)
            everyone.append(rows[:, :14])
            offset += len(rows)
        owner, weight = owner.flatten(), weight.flatten()
        cells = (owner >= 0).nonzero(as_tuple=True)[0]
        weight[cells] = 1.0
        targets.append(Targets(cells, torch.cat(everyone)[owner[cells]], weight))
    return targets


def hide(weight: torch.Tensor, boxes: torch.Tensor, stride: int) -> None:
    for x, y, width, height in boxes.tolist():
        rows = slice(max(0, int(y // stride)), max(0, int((y + height) // stride) + 2))
        columns = slice(max(0, int(x // stride)), max(0, int((x + width) // stride) + 2))
        weight[rows, columns] = 0.0


def claim(owner: torch.Tensor, faces: torch.Tensor, stride: int, offset: int) -> None:
    """Cells near a face's centre belong to it; where faces compete the smaller one wins."""
    side = owner.shape[0]
    scale = (faces[:, 2] * faces[:, 3]).sqrt()
    low, high = SIZE_RANGE[stride]
    for index in torch.argsort(scale, descending=True).tolist():
        if not low <= scale[index] < high:
            continue
        x, y, width, height = faces[index, :4].tolist()
        columns, rows = (
            near((start + length / 2) / stride, length / stride, side) for start, length in ((x, width), (y, height))
        )
        owner[rows[0] : rows[1], columns[0] : columns[1]] = offset + index


def near(centre: float, length: float, side: int) -> tuple[int, int]:
    """Range of cells within min(1.5, 0.3 face sides) but at least 0.7 cells of the centre."""
    reach = max(0.7, min(1.5, 0.3 * length))
    return max(0, int(-(-(centre - reach) // 1))), max(0, min(side, int((centre + reach) // 1) + 1))


@dataclass(frozen=True)
class Weights:
    """`score`, `box` and `landmarks` multiply their losses; a face's score aims at floor + (1 - floor) * overlap."""

    score: float = 1.0
    box: float = 2.0
    landmarks: float = 4.3
    quality_floor: float = 0.0


def detector_loss(outputs: list, targets: list[Targets], weights: Weights) -> tuple[torch.Tensor, dict[str, float]]:
    """Quality focal loss on scores, DIoU on boxes, distance over the eye distance on landmarks."""
    score_loss, box_loss, landmark_loss, positives = 0.0, 0.0, 0.0, 0
    for (score, box, landmarks), target, stride in zip(outputs, targets, STRIDES):
        width = score.shape[-1]
        score = score.flatten()
        quality = torch.zeros_like(score)
        if len(target.cells):
            column, row = target.cells % width, target.cells // width % width
            anchor = torch.stack([column, row], 1).float()
            box = box.permute(0, 2, 3, 1).reshape(-1, 4)[target.cells]
            landmarks = landmarks.permute(0, 2, 3, 1).reshape(-1, 10)[target.cells]
            wanted = target.faces / stride
            diou, iou = distance_iou(box, anchor, wanted)
            floor = weights.quality_floor
            quality[target.cells] = (floor + (1 - floor) * iou.detach()).clamp(0.05, 1)
            landmark_loss = landmark_loss + landmark_distance(landmarks, anchor, wanted).sum()
            box_loss = box_loss + (1 - diou).sum()
            positives += len(target.cells)
        focus = (quality - score.detach().sigmoid()).abs() ** 2
        cost = F.binary_cross_entropy_with_logits(score, quality, reduction="none")
        score_loss = score_loss + (cost * focus * target.weight).sum()
    count = max(positives, 1)
    parts = {"score": score_loss / count, "box": box_loss / count, "landmarks": landmark_loss / count}
    total = weights.score * parts["score"] + weights.box * parts["box"] + weights.landmarks * parts["landmarks"]
    return total, {name: float(torch.as_tensor(value).detach()) for name, value in parts.items()}


def landmark_distance(landmarks: torch.Tensor, anchor: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean distance of the five points over the eye distance: what the evaluation reports. [P]"""
    points = wanted[:, 4:].reshape(-1, 5, 2)
    apart = landmarks.reshape(-1, 5, 2) + anchor[:, None] - points
    eyes = (points[:, 0] - points[:, 1]).norm(dim=1)
    scale = torch.maximum(eyes, SMALLEST_EYE_SHARE * wanted[:, 2:4].prod(1).sqrt())
    return (apart.square().sum(2) + 1e-8).sqrt().mean(1) / scale


def distance_iou(box: torch.Tensor, anchor: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """DIoU (Zheng et al. 2020) and IoU of predicted boxes, in units of the stride."""
    centre, size = box[:, :2] + anchor, box[:, 2:].clamp(max=6).exp()
    low, high = centre - size / 2, centre + size / 2
    wanted_low, wanted_high = wanted[:, :2], wanted[:, :2] + wanted[:, 2:4]
    inter = (torch.minimum(high, wanted_high) - torch.maximum(low, wanted_low)).clamp(min=0).prod(1)
    iou = inter / (size.prod(1) + wanted[:, 2:4].prod(1) - inter).clamp(min=1e-6)
    hull = (torch.maximum(high, wanted_high) - torch.minimum(low, wanted_low)).square().sum(1)
    apart = (centre - (wanted_low + wanted_high) / 2).square().sum(1)
    return iou - apart / hull.clamp(min=1e-6), iou
