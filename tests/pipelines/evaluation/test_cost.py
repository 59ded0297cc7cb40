"""The costs of colorizers, on small pictures."""

import time
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from models.checkpoint import load_checkpoint
from pipelines.colorize.picture import TrainedColorizer
from pipelines.evaluation.cost import cpu_peak_mib, measure_cost
from tests.untrained import install_untrained


class Slow:
    """A baseline that is slow at first, and faster each time."""

    name, variant, takes_hints, takes_references = "slow", "gray", False, False

    def __init__(self) -> None:
        self.waits_s = iter([0.5, 0.3, 0.05, 0.01])

    def colorize(self, picture, **given):
        time.sleep(next(self.waits_s))
        return np.repeat(picture[..., np.newaxis], 3, axis=-1)


class Greedy:
    """Takes 10 bytes a pixel for a while, beside 64 MiB of its own."""

    name, variant, takes_hints, takes_references = "greedy", "gray", False, False

    def __init__(self, device: str) -> None:
        self.held = np.ones(64 * 2**20, np.uint8)

    def colorize(self, picture, **given):
        taken = np.ones(10 * picture.size, np.uint8)
        time.sleep(0.05)
        return np.repeat(picture[..., np.newaxis], 3, axis=-1) + taken[0]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return install_untrained(tmp_path_factory.mktemp("home"), "frames_convnet_gray")


def test_latency_is_the_median_after_a_warm_up():
    costs = measure_cost(Slow(), [(16, 24)], repeats=3)
    assert costs["parameters"] == 0
    assert 50 <= costs["latency_cpu_16x24_ms"] < 110  # not the mean, 120, nor with the first one
    with pytest.raises(ValueError, match="repeats 0"):
        measure_cost(Slow(), [], repeats=0)


def test_parameters_are_those_of_the_network(checkpoint):
    weights = load_checkpoint(checkpoint).trained()
    costs = measure_cost(TrainedColorizer.load(checkpoint, "cpu"), [(32, 32), (40, 24)], repeats=1)
    assert costs["parameters"] == sum(parameter.numel() for parameter in weights.parameters()) > 0
    assert list(costs) == ["parameters", "latency_cpu_32x32_ms", "latency_cpu_40x24_ms"]
    assert all(value > 0 for value in costs.values())


def test_shared_weights_count_once():
    class Twice(Slow):
        def __init__(self) -> None:
            super().__init__()
            self.one = self.other = nn.Linear(3, 2)

    assert measure_cost(Twice(), [], repeats=1) == {"parameters": 8}


def test_memory_is_what_a_fresh_process_grows_by():
    grown = cpu_peak_mib(Greedy, (1024, 2048))
    assert 64 + 20 <= grown <= 64 + 20 + 40  # and what Python and numpy take on the way


def test_every_device_there_is(checkpoint):
    load = partial(TrainedColorizer.load, checkpoint)
    costs = measure_cost(load("cpu"), [(32, 32)], repeats=1)
    costs["peak_cpu_32x32_mib"] = cpu_peak_mib(load, (32, 32))
    if torch.cuda.is_available():
        costs |= measure_cost(load("cuda"), [(32, 32)], repeats=1)
    expected = ["parameters", "latency_cpu_32x32_ms", "peak_cpu_32x32_mib"]
    gpu = ["latency_cuda_32x32_ms", "peak_cuda_32x32_mib"] if torch.cuda.is_available() else []
    assert list(costs) == expected + gpu
    assert all(value > 0 for value in costs.values())
