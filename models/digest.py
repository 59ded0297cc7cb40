"""What tells damaged weights from whole ones: a digest of tensors, and whether their numbers are finite."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor


def content_digest(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (64 hex digits) of JSON values and of each tensor: its name, type, shape and bytes.

    Tensors are contiguous, on the CPU. The order of names does not count.
    """
    digest = sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.detach().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor that holds NaN or infinity; None where all numbers are finite.

    Of any type of numbers that torch turns into float32; raises NotImplementedError for others.
    """
    for name, tensor in sorted(tensors.items()):
        if not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        # Of floats of 8 bits torch cannot say it.
        numbers = tensor.float() if tensor.is_floating_point() and tensor.element_size() == 1 else tensor
        if not bool(torch.isfinite(numbers).all()):
            return name
    return None
