"""The asset `draft`: the first stage of a two-stage recipe (paper 003), which its colorizer contains."""

from assets.partitions import recipes_with_draft
from assets.training_asset import training_asset

draft = training_asset(
    "draft",
    description="The first stage of a two-stage recipe (paper 003): small pictures in colour, which the recipe's "
    "colorizer refines.",
    partitions_def=recipes_with_draft,
)
