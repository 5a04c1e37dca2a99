"""Small weights files of every kind that the service reads, for the Rust tests of src/inference/checkpoint.

    python scripts/train/checkpoints.py --out tests/fixtures/checkpoints

`expected.safetensors` holds what must be read: `plain.*` of a small network, `clip.*` of a small CLIP in OpenAI's names, f32. Every
other file holds the same tensors as torch (or transformers) itself writes them. Random weights, fixed seeds; nothing is learnt from
anybody's data. The archives of TorchScript and the two CLIPs are checked here to give the same features before they are written.
`dinov2-*` are one small DINOv2 in Meta's and in Hugging Face's names (`--only dinov2` writes these two alone).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel

WIDTH, HEADS, PATCH, SIDE, EMBED = 8, 2, 4, 8, 6


class Small(nn.Module):
    """Convolution, batch normalisation with its counter, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.stem(x).mean([2, 3]))


class Block(nn.Module):
    """CLIP's transformer block under OpenAI's names."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(WIDTH, 4 * WIDTH))
        self.mlp.add_module("c_proj", nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        wide = self.mlp[0](self.ln_2(x))
        return x + self.mlp[1](wide * torch.sigmoid(1.702 * wide))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(Block())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resblocks(x)


class Visual(nn.Module):
    """The vision tower under OpenAI's names."""

    def __init__(self) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH))
        self.proj = nn.Parameter(torch.randn(WIDTH, EMBED))
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Transformer()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class OpenAiClip(nn.Module):
    """What else OpenAI's archive holds: a text tower (run on pictures' features here, so that tracing keeps it), sizes, a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = Visual()
        self.transformer = Transformer()
        self.token_embedding = nn.Embedding(5, WIDTH)
        self.ln_final = nn.LayerNorm(WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(3, WIDTH))
        self.text_projection = nn.Parameter(torch.randn(WIDTH, EMBED))
        self.logit_scale = nn.Parameter(torch.tensor(2.6))
        for name, size in (("input_resolution", SIDE), ("context_length", 3), ("vocab_size", 5)):
            self.register_buffer(name, torch.tensor(size))

    def forward(self, picture: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        words = self.transformer(self.token_embedding(text) + self.positional_embedding)
        return self.logit_scale.exp() * self.visual(picture) @ (self.ln_final(words)[:, 0] @ self.text_projection).T


def randomised(network: nn.Module) -> nn.Module:
    """Every tensor random and exact in 16 bits, so that files in half precision hold the same numbers."""
    with torch.no_grad():
        for tensor in [*network.parameters(), *network.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.randint(-64, 65, tensor.shape) / 128 + (1 if tensor.ndim == 0 else 0))
            elif tensor.ndim == 0 and tensor == 0:
                tensor.fill_(7)
    return network.eval()


def hugging_face(clip: OpenAiClip) -> CLIPModel:
    """The same vision tower as transformers builds it."""
    sizes = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 1, "num_attention_heads": HEADS}
    vision = sizes | {"image_size": SIDE, "patch_size": PATCH}
    text = sizes | {"vocab_size": 5, "max_position_embeddings": 3}
    theirs = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=EMBED)).eval()
    ours, tower = clip.visual, theirs.vision_model
    block, layer = ours.transformer.resblocks[0], tower.encoder.layers[0]
    pairs = [
        (tower.embeddings.class_embedding, ours.class_embedding),
        (tower.embeddings.position_embedding.weight, ours.positional_embedding),
        (tower.embeddings.patch_embedding.weight, ours.conv1.weight),
        (theirs.visual_projection.weight, ours.proj.T),
    ]
    modules = [
        (tower.pre_layrnorm, ours.ln_pre), (tower.post_layernorm, ours.ln_post), (layer.layer_norm1, block.ln_1),
        (layer.layer_norm2, block.ln_2), (layer.mlp.fc1, block.mlp.c_fc), (layer.mlp.fc2, block.mlp.c_proj),
        (layer.self_attn.out_proj, block.attn.out_proj),
    ]
    for a, b in modules:
        pairs += [(a.weight, b.weight), (a.bias, b.bias)]
    attention = layer.self_attn
    for part, joint in (("weight", block.attn.in_proj_weight), ("bias", block.attn.in_proj_bias)):
        chunks = joint.chunk(3)
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        pairs += [(getattr(p, part), chunk) for p, chunk in zip(projections, chunks, strict=True)]
    with torch.no_grad():
        for target, source in pairs:
            target.copy_(source)
    return theirs


@torch.no_grad()
def check_same_features(clip: OpenAiClip, theirs: CLIPModel) -> None:
    picture = torch.randn(2, 3, SIDE, SIDE)
    features = theirs.visual_projection(theirs.vision_model(pixel_values=picture).pooler_output)
    torch.testing.assert_close(clip.visual(picture), features, rtol=1e-5, atol=1e-5)


def contiguous(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}


def converted(state: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def strided(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Views: all floats in one storage, two-dimensional ones transposed, the convolution channels-last."""
    floats = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    stored = {name: tensor.movedim(1, -1) if tensor.ndim > 1 else tensor for name, tensor in floats.items()}
    shared = torch.cat([tensor.reshape(-1) for tensor in stored.values()])
    views, offset = dict(state), 0
    for name, tensor in stored.items():
        view = shared[offset : offset + tensor.numel()].view(tensor.shape)
        views[name] = view.movedim(-1, 1) if tensor.ndim > 1 else view
        offset += tensor.numel()
    return views


def trained(network: Small) -> dict:
    """The state of an optimiser after one step, as training programs save it beside the weights."""
    twin = Small()
    twin.load_state_dict(network.state_dict())
    optimiser = torch.optim.Adam(twin.parameters())
    twin(torch.randn(2, 3, 6, 6)).sum().backward()
    optimiser.step()
    return optimiser.state_dict()


def write_plain(network: Small, out: Path) -> None:
    state, optimiser = network.state_dict(), trained(network)
    files = {
        "plain": state,
        "state-dict": {"epoch": 3, "best": 0.5, "arch": "small", "state_dict": state},
        "model-state-dict": {"model_state_dict": state, "scheduler": {"last_epoch": 3, "_last_lr": [1e-4]}},
        "training-dump": {"model": state, "optimizer": optimiser, "total_steps": 70_000_000_000},
        "data-parallel": {"state_dict": nn.DataParallel(network).state_dict()},
        "compiled-backbone": {f"_orig_mod.model.{name}": tensor for name, tensor in state.items()},
        "parameters": {name: nn.Parameter(tensor, tensor.is_floating_point() and "running" not in name) for name, tensor
                       in state.items() if tensor.is_floating_point()} | {"stem.1.num_batches_tracked": torch.tensor(7)},
        "half": converted(state, torch.float16),
        "bfloat16": converted(state, torch.bfloat16),
        "double": converted(state, torch.float64),
        "strided": strided(state),
        "whole-model": nn.Sequential(nn.Linear(2, 2)),
        "two-states": {"state_dict": state, "model": state},
        "nothing": {"net": {"x": 1}, "epoch": 2},
    }
    for name, content in files.items():
        torch.save(content, out / f"{name}.pth")
    torch.save(state, out / "protocol-5.pth", pickle_protocol=5)
    torch.save(state, out / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.script(network).save(out / "scripted.pt")
    save_file(contiguous(converted(state, torch.float16)), out / "half.safetensors")


def write_clip(clip: OpenAiClip, theirs: CLIPModel, out: Path) -> None:
    example = (torch.randn(1, 3, SIDE, SIDE), torch.zeros(1, 3, dtype=torch.int64))
    # Its own check compares the generated code, which names classes differently each time.
    traced = torch.jit.trace(clip, example, check_trace=False)
    traced.half().save(out / "clip-openai.pt")
    clip.float()
    state = contiguous(theirs.state_dict())
    state["vision_model.embeddings.position_ids"] = torch.arange((SIDE // PATCH) ** 2 + 1)[None]
    save_file(state, out / "clip-hugging-face.safetensors")
    tower = {f"feature_extractor.{name}": tensor for name, tensor in state.items() if name.startswith("vision")}
    head = {"model.linear.weight": torch.ones(2, WIDTH), "model.linear.bias": torch.zeros(2)}
    tower["feature_extractor.visual_projection.weight"] = state["visual_projection.weight"]
    save_file(tower | head, out / "gend.safetensors")
    full = {f"model.{name}": tensor for name, tensor in clip.state_dict().items()}
    torch.save(full | {"attention_head.fc.weight": torch.ones(1, 2)}, out / "d3-full.pth")
    torch.save({"fc.weight": torch.ones(1, 2)}, out / "head.pth")


def write_dinov2(out: Path) -> None:
    """Meta's names, queries, keys and values in one matrix, and Hugging Face's; with the token that no network asks for."""
    ours: dict[str, torch.Tensor] = {}
    block = {"norm1": "norm1", "attn.proj": "attention.output.dense", "norm2": "norm2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    theirs = {
        "cls_token": torch.randn(1, 1, WIDTH), "pos_embed": torch.randn(1, 5, WIDTH), "mask_token": torch.randn(1, WIDTH),
        "patch_embed.proj.weight": torch.randn(WIDTH, 3, PATCH, PATCH), "patch_embed.proj.bias": torch.randn(WIDTH),
        "norm.weight": torch.randn(WIDTH), "norm.bias": torch.randn(WIDTH),
        "blocks.0.attn.qkv.weight": torch.randn(3 * WIDTH, WIDTH), "blocks.0.attn.qkv.bias": torch.randn(3 * WIDTH),
        "blocks.0.ls1.gamma": torch.randn(WIDTH), "blocks.0.ls2.gamma": torch.randn(WIDTH),
    }
    sizes = {"norm1": (WIDTH,), "norm2": (WIDTH,), "attn.proj": (WIDTH, WIDTH), "mlp.fc1": (4 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 4 * WIDTH)}
    for module, size in sizes.items():
        theirs |= {f"blocks.0.{module}.weight": torch.randn(size), f"blocks.0.{module}.bias": torch.randn(size[0])}
        ours |= {f"encoder.layer.0.{block[module]}.{part}": theirs[f"blocks.0.{module}.{part}"] for part in ("weight", "bias")}
    for part in ("weight", "bias"):
        ours[f"layernorm.{part}"] = theirs[f"norm.{part}"]
        ours[f"embeddings.patch_embeddings.projection.{part}"] = theirs[f"patch_embed.proj.{part}"]
        for name, third in zip(("query", "key", "value"), theirs[f"blocks.0.attn.qkv.{part}"].chunk(3), strict=True):
            ours[f"encoder.layer.0.attention.attention.{name}.{part}"] = third
    for number in (1, 2):
        ours[f"encoder.layer.0.layer_scale{number}.lambda1"] = theirs[f"blocks.0.ls{number}.gamma"]
    ours |= {"embeddings.cls_token": theirs["cls_token"], "embeddings.position_embeddings": theirs["pos_embed"]}
    ours["embeddings.mask_token"] = theirs["mask_token"]
    torch.save(theirs, out / "dinov2-meta.pth")
    save_file(contiguous(ours), out / "dinov2-hugging-face.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("tests/fixtures/checkpoints"))
    parser.add_argument("--only", choices=["dinov2"])
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(419)
    write_dinov2(out)
    if arguments.only:
        return
    torch.manual_seed(418)
    small, clip = randomised(Small()), randomised(OpenAiClip())
    theirs = hugging_face(clip)
    check_same_features(clip, theirs)
    expected = {f"plain.{name}": tensor for name, tensor in small.state_dict().items()}
    visual = {f"clip.visual.{name}": tensor for name, tensor in clip.visual.state_dict().items()}
    save_file(contiguous(expected | visual), out / "expected.safetensors")
    write_plain(small, out)
    write_clip(clip, theirs, out)
    total = sum(path.stat().st_size for path in out.iterdir() if path.is_file())
    print(f"{len(os.listdir(out))} files, {total / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
