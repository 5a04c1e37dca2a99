"""A small fully convolutional face detector with five landmarks.

Residual backbone with plain 3x3 convolutions (they run better than depthwise ones on CPUs), a
top-down pyramid over strides 8, 16 and 32, and one light head per level. Only operators that
OpenCV 4.6's ONNX importer reads for any input size are used.
"""

import torch
from torch import nn
from torch.nn import functional as F

from layout import STRIDES


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = conv_bn(channels, channels)
        self.second = conv_bn(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Stage(nn.Module):
    """Halves the resolution, then refines."""

    def __init__(self, inputs: int, outputs: int, blocks: int):
        super().__init__()
        self.down = conv_bn(inputs, outputs, stride=2)
        self.blocks = nn.Sequential(*(ResidualBlock(outputs) for _ in range(blocks)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(F.relu(self.down(x)))


class Head(nn.Module):
    """Score, box and landmark maps of one level; landmarks have a branch of their own.

    `deepen` and `refine` residual blocks come before the first and the second branch.
    """

    def __init__(self, channels: int, deepen: int, refine: int):
        super().__init__()
        self.region, self.shape = Branch(channels), Branch(channels)
        self.deepen = nn.Sequential(*(ResidualBlock(channels) for _ in range(deepen)))
        self.refine = nn.Sequential(*(ResidualBlock(channels) for _ in range(refine)))
        for block in (*self.deepen, *self.refine):
            nn.init.zeros_(block.second[1].weight)  # an added block starts as the identity
        self.score = nn.Conv2d(channels, 1, 1)
        self.box = nn.Conv2d(channels, 4, 1)
        self.landmarks = nn.Conv2d(channels, 10, 1)
        nn.init.constant_(self.score.bias, -4.6)  # a prior of 1 % keeps the first steps stable

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        region = self.region(self.deepen(x))
        return self.score(region), self.box(region), self.landmarks(self.shape(self.refine(x)))


class Branch(nn.Module):
    """A separable 3x3 convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.depthwise = conv_bn(channels, channels, groups=channels)
        self.pointwise = conv_bn(channels, channels, kernel=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.pointwise(F.relu(self.depthwise(x))))


class FaceDetector(nn.Module):
    """[N,3,H,W] BGR 0..255, H and W multiples of 32 -> per stride (logit [N,1,..], box [N,4,..], landmarks [N,10,..]).

    Decode at cell (r, c) of stride s: cx=(c+b0)s, cy=(r+b1)s, w=exp(b2)s, h=exp(b3)s and
    landmark n = ((k[2n]+c)s, (k[2n+1]+r)s), in the order right eye, left eye, nose, right and left mouth corner.
    """

    def __init__(self, widths: list[int], blocks: list[int], pyramid: int, deepen: list[int], refine: list[int]):
        super().__init__()
        stem, half, eighth, sixteenth, last = widths
        self.stem = conv_bn(3, stem, stride=2)
        self.stage4 = Stage(stem, half, blocks[0])
        self.stage8 = Stage(half, eighth, blocks[1])
        self.stage16 = Stage(eighth, sixteenth, blocks[2])
        self.stage32 = Stage(sixteenth, last, blocks[3])
        self.lateral = nn.ModuleList(conv_bn(width, pyramid, 1) for width in (eighth, sixteenth, last))
        self.smooth = nn.ModuleList(conv_bn(pyramid, pyramid) for _ in range(2))
        self.heads = nn.ModuleList(Head(pyramid, *counts) for counts in zip(deepen, refine))

    def forward(self, x: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        x = F.relu(self.stem(x * (1.0 / 255.0)))
        p8 = self.stage8(self.stage4(x))
        p16 = self.stage16(p8)
        p32 = F.relu(self.lateral[2](self.stage32(p16)))
        p16 = F.relu(self.smooth[1](self.lateral[1](p16) + F.interpolate(p32, scale_factor=2.0, mode="nearest")))
        p8 = F.relu(self.smooth[0](self.lateral[0](p8) + F.interpolate(p16, scale_factor=2.0, mode="nearest")))
        return [head(level) for head, level in zip(self.heads, (p8, p16, p32))]


class DeployedDetector(nn.Module):
    """The same network with named probabilities, as exported."""

    def __init__(self, detector: FaceDetector):
        super().__init__()
        self.detector = detector

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        levels = self.detector(x)
        return (
            *(torch.sigmoid(score) for score, _, _ in levels),
            *(box for _, box, _ in levels),
            *(landmarks for _, _, landmarks in levels),
        )
