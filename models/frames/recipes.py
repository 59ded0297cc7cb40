"""The recipes of paper 001, frames: two models on two inputs, with the same numbers but for Adam's beta1.

[I] Pictures are mirrored at random, which the paper does not mention; `Augmentation(flip=0)` leaves them as they are.
"""

from typing import Literal

from models.frames.spec import FramesGan, FramesL2
from models.recipe import Recipe
from models.specs.base import ObjectiveSpec


def _run(name: str, title: str, variant: Literal["gray", "edge"], objective: ObjectiveSpec) -> Recipe:
    return Recipe(
        name=name,
        title=f"Paper 001: {title}",
        paper="001",
        variant=variant,
        color_space="rgb",
        objective=objective,
        resolution=256,  # the paper's frames are 180 x 320, the area of a square of 240
        batch=64,
        steps=7_040,  # 20 epochs of 352 batches: the paper's 22,543 frames
    )


RECIPES = (
    _run("frames_convnet_gray", "ConvNet from gray to RGB, L2", "gray", FramesL2()),
    _run("frames_gan_gray", "conditional GAN from gray to RGB, L1 weight 100", "gray", FramesGan()),
    _run("frames_convnet_edge", "ConvNet from edges to RGB, L2", "edge", FramesL2()),
    _run("frames_gan_edge", "conditional GAN from edges to RGB, L1 weight 100", "edge", FramesGan()),
)
