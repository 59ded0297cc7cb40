"""The recipes of untrained methods, in the same tables and on the same benchmark as what learns.

Their "training" takes a moment: it leaves a checkpoint without weights, a record and an MLflow run.
"""

from models.methods.spec import HintPropagation, LevinPropagation, Method, ReferenceMatch, Shipped, Untrained
from models.recipe import Augmentation, Recipe, Sight

SHIPPED_SHA256 = "3f64b26529121abd096f371cb380291556415df88ce4fc2861c9dde0d20832e6"
"""Of `models/weights/exemplar.safetensors`."""


def _recipe(name: str, title: str, paper: str, method: Method, variant: Sight = "gray") -> Recipe:
    return Recipe(
        name=name,
        title=title,
        paper=paper,
        variant=variant,
        color_space="lab",
        objective=Untrained(method),
        resolution=256,  # the long side at which pictures are looked at; the aspect is kept
        batch=1,
        steps=0,
        augmentation=Augmentation(flip=0.0),
    )


RECIPES = (
    _recipe("propagate_hints", "hints spread by a fast edge-aware smoother", "min2014", HintPropagation()),
    _recipe("levin_hints", "hints spread by the exact sparse solver", "levin2004", LevinPropagation()),
    _recipe("reference_match", "colours of similar places of references", "he2018", ReferenceMatch()),
    _recipe("reference_match_line", "the same for lines, with lightness", "he2018", ReferenceMatch(), variant="line"),
    _recipe(
        "shipped", "what `tintoon colorize` uses: exemplar, as it is shipped", "he2018", Shipped(weights=SHIPPED_SHA256)
    ),
)
