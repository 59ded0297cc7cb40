"""The network of a method: none."""

from torch import nn

from models.methods.spec import Method


class NoNetwork(nn.Module):
    """Holds no weights. It stands where checkpoints and costs ask for a network."""

    def __init__(self, spec: Method) -> None:
        super().__init__()
        self.spec = spec
