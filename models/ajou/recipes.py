"""The recipes of paper 002, the Ajou cGAN: as it ended, and the two states that it came from."""

from dataclasses import replace

from models.ajou.spec import AjouDiscriminator, AjouGan, AjouGenerator, LayerNoise, SoftLabels
from models.recipe import Recipe


def _recipe(name: str, title: str, objective: AjouGan) -> Recipe:
    return Recipe(
        name=name,
        title=f"Paper 002: {title}",
        paper="002",
        variant="gray",
        color_space="rgb",
        objective=objective,
        resolution=512,
        batch=1,
        steps=200_000,  # [I] not given
    )


_FULL = AjouGan()

RECIPES = (
    _recipe("ajou_cgan", "U-Net against a noisy discriminator with soft labels", _FULL),
    _recipe(
        "ajou_unstabilised",
        "the same without noise and with hard labels: the discriminator's loss falls to zero",
        replace(
            _FULL,
            discriminator=AjouDiscriminator(noise=LayerNoise(sigma=0.0)),
            labels=SoftLabels(real=(1.0, 1.0), fake=(0.0, 0.0), flipped=0.0),
        ),
    ),
    _recipe(
        "ajou_no_skips",
        "encoder and decoder without skips: the collapse to gray",
        replace(_FULL, generator=AjouGenerator(skips=False)),
    ),
)
