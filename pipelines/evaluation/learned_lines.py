"""Lines drawn by a trained line detector (paper 003, section 3.3): one more style of the track `line`."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.checkpoint import load_checkpoint
from pipelines.evaluation.tracks import LineDrawer
from pipelines.images.color import network_target, resized


def load_line_drawer(path: Path, *, digest: str) -> LineDrawer:
    """The drawer of a checkpoint of the recipe `line_detector`; `digest` is the SHA-256 of the file.

    It sees pictures at its training resolution, and its lines are scaled back. The file is read when it first draws:
    finding a result that is there takes the digest alone. Drawing raises FileNotFoundError, or
    CheckpointError for a file that is no checkpoint.
    """

    @cache
    def detector() -> tuple[nn.Module, tuple[int, int]]:
        checkpoint = load_checkpoint(path)
        return checkpoint.trained(), (checkpoint.resolution, checkpoint.resolution)

    @torch.inference_mode()
    def draw(pictures: np.ndarray) -> np.ndarray:
        network, side = detector()
        small = np.stack([resized(picture, side) for picture in pictures])
        lines = network(torch.from_numpy(network_target(small, "rgb")))[:, 0].float().numpy()
        drawn = np.clip(np.rint((lines + 1) * 127.5), 0, 255).astype(np.uint8)
        return np.stack([resized(picture, pictures.shape[1:3]) for picture in drawn])

    return LineDrawer(draw, digest)
