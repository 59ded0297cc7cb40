"""The exponential moving average of a model's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """The average over the steps of a training. Statistics of batch norm are not averaged: those of the last step hold.

    `tensors` are the averages by the names of the parameters; none where the decay is 0.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model = model
        self._update = get_ema_multi_avg_fn(decay)
        learning = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
        self.tensors = {name: tensor.detach().clone() for name, tensor in learning.items()} if decay else {}

    def update(self) -> None:
        """Moves the average by one step towards the weights."""
        if self.tensors:
            weights = dict(self._model.named_parameters())
            self._update(list(self.tensors.values()), [weights[name] for name in self.tensors], 0)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Puts the average into the model, in evaluation mode, and the weights back afterwards."""
        self._exchange()
        self._model.eval()
        try:
            yield
        finally:
            self._model.train()
            self._exchange()

    def _exchange(self) -> None:
        weights = dict(self._model.named_parameters())
        for name, mean in self.tensors.items():
            weights[name].data, self.tensors[name] = mean, weights[name].data
