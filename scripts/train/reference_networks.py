"""The published networks from the libraries they were published with, for comparison with `src/inference`.

Nothing here comes from `networks.py`: trunks are torchvision's and transformers', the rest is what the authors' descriptions say
in plain `nn` modules. Each network takes pictures [n, 3, side, side], loads a state dict in the names of the published files
(CLIP: OpenAI's) and gives raw logits.
"""

from __future__ import annotations

import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, Dinov2Config, Dinov2Model

RESNEXT50 = {"stem_width": 64, "layers": [3, 4, 6, 3], "groups": 32, "width_per_group": 4}
RESNET18 = {"stem_width": 64, "layers": [2, 2, 2, 2]}
BLOCK = {  # OpenAI's names of a transformer block and transformers' for the same
    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2", "attn.out_proj": "self_attn.out_proj",
}


def resized(net: torchvision.models.ResNet, block: type[nn.Module], shape: dict) -> torchvision.models.ResNet:
    """torchvision's network with a stem of another width and other numbers of blocks; its own code makes the stages."""
    stem = net.inplanes = shape["stem_width"]
    # torchvision counts a group's width for a stem of 64.
    net.groups, net.base_width = shape.get("groups", 1), shape.get("width_per_group", 64) * 64 / stem if "groups" in shape else 64
    net.conv1, net.bn1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem)
    for i in range(4):
        blocks = shape["layers"][i] if i < len(shape["layers"]) else 0
        stage = net._make_layer(block, stem << i, blocks, 1 if i == 0 else 2) if blocks else nn.Identity()
        setattr(net, f"layer{i + 1}", stage)
    return net


def resnext(shape: dict) -> nn.Sequential:
    """children()[:-2]: keys 0, 1 and 4 onwards."""
    own = {key: shape[key] for key in RESNEXT50}
    if own == RESNEXT50:
        net = torchvision.models.resnext50_32x4d(weights=None)
    else:
        net = resized(torchvision.models.ResNet(Bottleneck, [1, 1, 1, 1]), Bottleneck, own)
    return nn.Sequential(*list(net.children())[:-2])


class Seed(nn.Module):
    """ResNeXt, BiLSTM, positional buffer, self-attention, mean over time, two layers."""

    def __init__(self, shape: dict):
        super().__init__()
        self.feature_extractor = resnext(shape)
        hidden, width = shape["lstm_hidden"], 2 * shape["lstm_hidden"]
        features = shape["stem_width"] * 4 << len(shape["layers"]) - 1
        self.lstm = nn.LSTM(features, hidden, shape["lstm_layers"], batch_first=True, bidirectional=True)
        self.attention = nn.Module()
        self.attention.positional_encoding = nn.Module()
        self.attention.positional_encoding.register_buffer("pe", torch.zeros(1, shape["max_frames"], width))
        self.attention.multihead_attn = nn.MultiheadAttention(width, shape["attention_heads"])
        self.attention.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, 2)
        self.activation = {"gelu": nn.GELU(), "relu": nn.ReLU()}[shape["activation"]]

    def forward(self, frames: torch.Tensor) -> dict[str, torch.Tensor]:
        features = F.adaptive_avg_pool2d(self.feature_extractor(frames), 1).view(1, len(frames), -1)
        x, _ = self.lstm(features)
        x = (x + self.attention.positional_encoding.pe[:, : x.shape[1]]).transpose(0, 1)
        attended, _ = self.attention.multihead_attn(x, x, x)
        x = self.attention.norm(x + attended).transpose(0, 1)
        classify = lambda states: self.fc2(self.activation(self.fc1(states)))  # noqa: E731
        return {"track_logits": classify(x.mean(1)), "frame_logits": classify(x)[0]}


class Recurrent(nn.Module):
    """ResNeXt, LSTM, one linear layer named `head`; reads the mean of the states or the last of them."""

    def __init__(self, shape: dict, head: str, pooling: str, **lstm: bool):
        super().__init__()
        self.model, self.head, self.pooling = resnext(shape), head, pooling
        features = shape["stem_width"] * 4 << len(shape["layers"]) - 1
        self.lstm = nn.LSTM(features, shape["lstm_hidden"], shape["lstm_layers"], batch_first=shape["batch_first"], **lstm)
        width = shape["lstm_hidden"] * (2 if self.lstm.bidirectional else 1)
        setattr(self, head, nn.Linear(width, 2))

    def forward(self, frames: torch.Tensor) -> dict[str, torch.Tensor]:
        features = F.adaptive_avg_pool2d(self.model(frames), 1).view(1, len(frames), -1)
        states, _ = self.lstm(features, None)
        linear = getattr(self, self.head)
        pooled = states.mean(dim=1) if self.pooling == "mean" else states[:, -1, :]
        return {"track_logits": linear(pooled), "frame_logits": linear(states)[0]}


class Clip(nn.Module):
    """transformers' CLIP image tower; `state_dict` names are OpenAI's, under `visual.`."""

    def __init__(self, shape: dict, head: nn.Module):
        super().__init__()
        width = shape["width"]
        self.config = CLIPVisionConfig(
            hidden_size=width, intermediate_size=4 * width, num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"],
            image_size=shape["image_px"], patch_size=shape["patch_px"], hidden_act="quick_gelu",
            projection_dim=shape.get("embed_width", width),
        )
        self.tower = CLIPVisionModelWithProjection(self.config)
        self.head = head

    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        config, head = self.config, self.head.state_dict()
        width, patch = config.hidden_size, config.patch_size
        shapes = {
            "class_embedding": (width,), "positional_embedding": ((config.image_size // patch) ** 2 + 1, width),
            "conv1.weight": (width, 3, patch, patch), "proj": (width, config.projection_dim),
        }
        shapes |= {f"{norm}.{part}": (width,) for norm in ("ln_pre", "ln_post") for part in ("weight", "bias")}
        for i in range(config.num_hidden_layers):
            block = {
                "attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,),
                "attn.out_proj.weight": (width, width), "attn.out_proj.bias": (width,),
                "mlp.c_fc.weight": (4 * width, width), "mlp.c_fc.bias": (4 * width,),
                "mlp.c_proj.weight": (width, 4 * width), "mlp.c_proj.bias": (width,),
            } | {f"{norm}.{part}": (width,) for norm in ("ln_1", "ln_2") for part in ("weight", "bias")}
            shapes |= {f"transformer.resblocks.{i}.{name}": size for name, size in block.items()}
        if not isinstance(self, ProjectedLinear):
            del shapes["proj"]
        return {f"visual.{name}": size for name, size in shapes.items()} | {name: tuple(v.shape) for name, v in head.items()}

    def load_published(self, state: dict[str, torch.Tensor]) -> None:
        state = dict(state)
        theirs = {
            "vision_model.embeddings.class_embedding": state.pop("visual.class_embedding"),
            "vision_model.embeddings.position_embedding.weight": state.pop("visual.positional_embedding"),
            "vision_model.embeddings.patch_embedding.weight": state.pop("visual.conv1.weight"),
            # Networks that stop before the projection have none.
            "visual_projection.weight": state.pop("visual.proj", torch.zeros(self.config.hidden_size, self.config.projection_dim)).T,
        }
        for part in ("weight", "bias"):
            theirs[f"vision_model.pre_layrnorm.{part}"] = state.pop(f"visual.ln_pre.{part}")
            theirs[f"vision_model.post_layernorm.{part}"] = state.pop(f"visual.ln_post.{part}")
            for i in range(self.config.num_hidden_layers):
                block, layer = f"visual.transformer.resblocks.{i}", f"vision_model.encoder.layers.{i}"
                for ours, name in BLOCK.items():
                    theirs[f"{layer}.{name}.{part}"] = state.pop(f"{block}.{ours}.{part}")
                joint = state.pop(f"{block}.attn.in_proj_{part}").chunk(3)
                for letter, third in zip("qkv", joint, strict=True):
                    theirs[f"{layer}.self_attn.{letter}_proj.{part}"] = third
        self.tower.load_state_dict(theirs, strict=True)
        self.head.load_state_dict(state, strict=True)


class D3(Clip):
    """The picture and its shuffled patches, then attention between the two; the softmax runs over the queries."""

    def __init__(self, shape: dict):
        head, width = nn.Module(), shape["width"]
        head.attention_head = nn.Module()
        for name in ("query", "key", "value"):
            setattr(head.attention_head, name, nn.Linear(width, width))
        head.attention_head.fc = nn.Linear(2 * width, 1)
        super().__init__(shape, head)
        self.patch = shape["patch_px"]
        self.permutation = torch.tensor(shape["permutation"]) if "permutation" in shape else drawn(shape)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        columns = F.unfold(pictures, self.patch, stride=self.patch)[:, :, self.permutation]
        shuffled = F.fold(columns, pictures.shape[-2:], self.patch, stride=self.patch)
        features = [self.tower.vision_model(view).pooler_output for view in (shuffled, pictures)]
        x, head = torch.stack(features, dim=-2), self.head.attention_head
        scores = head.query(x) @ head.key(x).transpose(-2, -1) / x.shape[-1] ** 0.5
        mixed = scores.softmax(dim=1) @ head.value(x)
        return {"frame_logits": head.fc(mixed.reshape(len(x), -1))}


def drawn(shape: dict) -> torch.Tensor:
    torch.manual_seed(shape["permutation_seed"])
    return torch.randperm((shape["image_px"] // shape["patch_px"]) ** 2)


class ProjectedLinear(Clip):
    """UniversalFakeDetect."""

    def __init__(self, shape: dict):
        head = nn.Module()
        head.fc = nn.Linear(shape["embed_width"], 1)
        super().__init__(shape, head)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"frame_logits": self.head.fc(self.tower(pictures).image_embeds)}


class UnitLinear(Clip):
    """GenD."""

    def __init__(self, shape: dict):
        head = nn.Module()
        head.model = nn.Module()
        head.model.linear = nn.Linear(shape["width"], 2)
        super().__init__(shape, head)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"frame_logits": self.head.model.linear(F.normalize(self.tower.vision_model(pictures).pooler_output, dim=-1))}


PROJECTIONS = {  # published names of an attention and those inside transformers 5
    "attention.attention.query": "attention.q_proj", "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj", "attention.output.dense": "attention.o_proj",
}


class Dinov2(nn.Module):
    """transformers' Dinov2Model with a linear head on [class token, mean patch token] and one on every patch token."""

    def __init__(self, shape: dict):
        super().__init__()
        width, self.grid = shape["width"], shape["image_px"] // shape["patch_px"]
        top, left, rows, columns = shape.get("field", (0, 0, self.grid, self.grid))
        row, column = torch.arange(self.grid)[:, None] - top, torch.arange(self.grid)[None] - left
        self.inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        self.tower = Dinov2Model(Dinov2Config(
            hidden_size=width, num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"], patch_size=shape["patch_px"],
            image_size=shape.get("position_grid", 37) * shape["patch_px"], use_mask_token=False,
        ))
        self.head = nn.Linear(2 * width, 1)
        self.mask_head = nn.Linear(width, 1) if shape.get("mask_head", True) else None

    def own_name(self, published: str) -> str:
        if published.startswith(("head.", "mask_head.")):
            return published
        for theirs, ours in PROJECTIONS.items():
            published = published.replace(theirs, ours)
        return f"tower.{published}"

    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = {}
        for name, value in self.state_dict().items():
            name = name.removeprefix("tower.")
            for theirs, ours in PROJECTIONS.items():
                name = name.replace(ours, theirs)
            shapes[name] = tuple(value.shape)
        return shapes

    def load_published(self, state: dict[str, torch.Tensor]) -> None:
        self.load_state_dict({self.own_name(name): value for name, value in state.items()}, strict=True)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """[n, 1 + patches, width] behind the last norm, the class token first; patches inside the field alone."""
        if self.inside.all():
            return self.tower(pictures).last_hidden_state
        looked_at = torch.cat([torch.tensor([True]), self.inside.flatten()])
        embedded = self.tower.embeddings(pictures)[:, looked_at]
        return self.tower.layernorm(self.tower.encoder(embedded).last_hidden_state)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.features(pictures)
        patches = features[:, 1:]
        found = {"frame_logits": self.head(torch.cat([features[:, 0], patches.mean(1)], 1))}
        if self.mask_head is not None:
            found["mask_logits"] = torch.full((len(pictures), self.grid, self.grid), -16.0)
            found["mask_logits"][:, self.inside] = self.mask_head(patches)[..., 0]
        return found


class ResNet(nn.Module):
    """torchvision's ResNet of basic blocks with two classes, behind dropout or not."""

    def __init__(self, shape: dict):
        super().__init__()
        if shape["stem_width"] == 64 and shape["layers"] == RESNET18["layers"]:
            net = torchvision.models.resnet18(weights=None)
        else:
            net = resized(torchvision.models.ResNet(BasicBlock, [1, 1, 1, 1]), BasicBlock, shape)
        linear = nn.Linear(shape["stem_width"] << len(shape["layers"]) - 1, 2)
        net.fc = linear if shape.get("head", "fc") == "fc" else nn.Sequential(nn.Dropout(0.5), linear)
        self.net = net

    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(value.shape) for name, value in self.net.state_dict().items()}

    def load_published(self, state: dict[str, torch.Tensor]) -> None:
        self.net.load_state_dict(state, strict=True)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"frame_logits": self.net(pictures)}


FAMILIES = {
    "resnext-bilstm": Seed,
    "resnext-bilstm-mean": lambda shape: Recurrent(shape, "linear", "mean", bidirectional=True),
    "resnext-lstm": lambda shape: Recurrent(shape, "linear1", shape["pooling"], bias=False),
    "clip-vit-d3": D3,
    "clip-vit-linear": ProjectedLinear,
    "clip-vit-norm-linear": UnitLinear,
    "dinov2-vit": Dinov2,
    "resnet": ResNet,
}


def shapes_of(architecture: dict) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published file."""
    network = FAMILIES[architecture["family"]](architecture)
    if hasattr(network, "published_shapes"):
        return network.published_shapes()
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def reference(architecture: dict, state: dict[str, torch.Tensor]) -> nn.Module:
    """The network of `[architecture]` with the weights of a published file."""
    network = FAMILIES[architecture["family"]](architecture).eval()
    getattr(network, "load_published", network.load_state_dict)(state)
    return network
