"""Precision: which chips compute in bfloat16, and full precision where small numbers matter."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

_CPU_FEATURES = ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16")
"""Of `torch.cpu.get_capabilities()`: instructions that multiply bfloat16. Without them it is slower than float32."""


def computes_in_bfloat16(device: Literal["auto", "cpu", "cuda"]) -> bool:
    """Whether the chip has instructions for products of bfloat16; "auto" is the GPU where there is one."""
    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return any(has.get(feature, False) for feature in _CPU_FEATURES)


def full_precision(device: torch.device) -> AbstractContextManager:
    """Within it, operations on a device compute in the precision of their inputs, also under autocast."""
    # The meta device, on which networks are only sized, knows no autocast.
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
