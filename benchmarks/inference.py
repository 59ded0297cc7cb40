"""A trained network on pictures and pages, against its module alone and ONNX Runtime.

The networks are untrained: what they cost does not depend on their weights. Each output is compared first: ONNX
Runtime's with the module's to within 1e-3, our pictures with those of the module's output to within one gray level.
"""

import copy
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from benchmarks.drawn_pages import drawn_pages
from benchmarks.rounds import in_turns
from benchmarks.row import Row, row_of_times
from benchmarks.untrained import untrained_checkpoint
from models.recipes import RECIPES
from pipelines.colorize.picture import TrainedColorizer
from pipelines.images.color import network_input, network_picture, rgb_to_gray

RECIPE_NAMES = ("webtoon_l2", "frames_gan_gray")
_BATCH = 8


def run(quick: bool) -> list[Row]:
    """Measures every row."""
    cv2.setNumThreads(1)
    page = rgb_to_gray(next(drawn_pages(1)))
    names = RECIPE_NAMES[1:] if quick else RECIPE_NAMES
    return [row for name in names for row in rows_of(name, page, rounds=2 if quick else 4)]


def rows_of(name: str, page: np.ndarray, *, rounds: int) -> list[Row]:
    """The rows of one recipe; the page is (H, W) uint8."""
    torch.set_num_threads(1)
    colorizer = untrained(name)
    side = (colorizer.resolution,) * 2
    pictures = np.stack([cv2.resize(page, side, interpolation=cv2.INTER_AREA)] * _BATCH)
    space = RECIPES[name].color_space
    module = copy.deepcopy(colorizer._network).to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    batch = torch.from_numpy(network_input(pictures, space))
    one = batch[:1].contiguous()
    with torch.inference_mode():
        output = module(batch)
        check_pictures(colorizer.colorize_batch(pictures), network_picture(output.numpy(), pictures, space))

        def in_bfloat16() -> torch.Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return colorizer._network(one.contiguous(memory_format=torch.channels_last)).float()

        differs = np.abs(
            network_picture(in_bfloat16().numpy(), pictures[:1], space).astype(int) - colorizer.colorize(pictures[0])
        )
        peer, export_s, session_s = onnx_session(module, one)
        if (differs_onnx := float(np.abs(peer(one) - output[:1].numpy()).max())) > 1e-3:
            raise AssertionError(f"{name}: ONNX Runtime's output differs by {differs_onnx} from the module's")
        times = in_turns(
            {
                "module": lambda: module(one),
                "ONNX Runtime": lambda: peer(one),
                "page": lambda: colorizer.colorize(page),
                "picture": lambda: colorizer.colorize(pictures[0]),
                "bfloat16": in_bfloat16,
                "module, 8 pictures": lambda: module(batch),
                "8 pictures": lambda: colorizer.colorize_batch(pictures),
            },
            rounds=rounds,
        )
        cores = min(2, os.cpu_count() or 1)
        wall = in_turns(
            {
                "one core": lambda: on_cores(1, lambda: colorizer.colorize_batch(pictures)),
                "all cores": lambda: on_cores(cores, lambda: colorizer.colorize_batch(pictures)),
            },
            rounds=rounds,
        )
    torch.set_num_threads(1)
    facts = {
        "export_s": export_s,
        "session_s": session_s,
        "bfloat16_levels": int(differs.max()),
        "pictures_per_s": _BATCH / times["8 pictures"].cpu_s,
        "pages_per_s": 1 / times["page"].cpu_s,
    }
    onnx = (
        f"ONNX Runtime packs weights once, torch at each call; it is no dependency: its export takes {export_s:.1f} s, "
        f"its session {session_s:.1f} s, each network a second file, and the shipped colorizer is no single graph"
    )
    return [
        row_of_times(f"a page by {name}", times, ours="page", peer="module", target=1.2, facts=facts),
        row_of_times(f"pictures by {name}", times, ours="8 pictures", peer="module, 8 pictures", target=1.2),
        row_of_times(f"a picture by {name}, ONNX", times, ours="picture", peer="ONNX Runtime", target=1.0, why=onnx),
        row_of_times(
            f"pictures by {name} on {cores} cores",
            wall,
            ours="all cores",
            peer="one core",
            target=None,
            better="higher",
            clock="wall",
        ),
    ]


def untrained(name: str) -> TrainedColorizer:
    """A colorizer of a recipe with its first weights, on the CPU, at the recipe's resolution."""
    torch.manual_seed(0)
    return TrainedColorizer(untrained_checkpoint(RECIPES[name]), device="cpu")


def check_pictures(ours: np.ndarray, expected: np.ndarray) -> None:
    """Raises AssertionError where pictures differ by more than a gray level."""
    differs = np.abs(ours.astype(int) - expected).max()
    if differs > 1:
        raise AssertionError(f"TrainedColorizer: up to {differs} levels from the module's picture")


def onnx_session(module: nn.Module, given: torch.Tensor) -> tuple[Callable[[torch.Tensor], np.ndarray], float, float]:
    """The module in ONNX Runtime on one thread, and the seconds of its export and of its session's start."""
    import onnxruntime  # pyright: ignore[reportMissingImports]  of the extra "bench"

    started = time.perf_counter()
    program = torch.onnx.export(module, (given,), dynamo=True, verbose=False)
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        program.save(path)
        exported = time.perf_counter()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        begun = time.perf_counter()
    name = session.get_inputs()[0].name
    return lambda given: np.asarray(session.run(None, {name: given.numpy()})[0]), exported - started, begun - exported


def on_cores(count: int, function: Callable[[], object]) -> None:
    """A function on so many threads of torch."""
    torch.set_num_threads(count)
    function()
