"""What the lineage is partitioned by: an issue (grows as titles do), a split, a recipe. Never a picture."""

import dagster as dg

from pipelines.params import SPLITS
from pipelines.training.registry import TRAININGS

issues = dg.DynamicPartitionsDefinition(name="issue")
splits = dg.StaticPartitionsDefinition(list(SPLITS))
recipes = dg.StaticPartitionsDefinition(list(map(str, TRAININGS["colorizer"])))
classifiers = dg.StaticPartitionsDefinition(list(map(str, TRAININGS["title_classifier"])))
recipes_with_draft = dg.StaticPartitionsDefinition(list(map(str, TRAININGS["draft"])))
