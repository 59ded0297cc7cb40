"""Full precision where small numbers matter, also under autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device: torch.device) -> AbstractContextManager:
    """Within it, operations on a device compute in the precision of their inputs, also under autocast."""
    # The meta device, on which networks are only sized, knows no autocast.
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
