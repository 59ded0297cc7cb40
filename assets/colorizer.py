"""The asset `colorizer`: one recipe trained on the current training set. One materialization is one MLflow run."""

from assets.partitions import recipes
from assets.training_asset import training_asset

colorizer = training_asset(
    "colorizer",
    description="A recipe trained on the current training set. Killed, it goes on where it was; unchanged, it is "
    "left alone.",
    partitions_def=recipes,
)
