"""In which precision networks run here."""

from __future__ import annotations

import torch


def has_bf16(device: torch.device) -> bool:
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(device: torch.device = torch.device("cpu")) -> torch.autocast:
    """bfloat16 on a GPU and on processors that multiply it (AVX-512 BF16, AMX). Elsewhere it would be emulated, seven times
    slower than fp32 on an AVX2 processor, so there everything stays fp32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device))
