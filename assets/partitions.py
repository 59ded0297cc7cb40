"""What the lineage is partitioned by: an issue (grows as titles do), a split, a recipe. Never a picture."""

import dagster as dg

from pipelines.issue_splits import SPLITS
from pipelines.recipes import RECIPES

issues = dg.DynamicPartitionsDefinition(name="issue")
splits = dg.StaticPartitionsDefinition(list(SPLITS))
recipes = dg.StaticPartitionsDefinition(list(RECIPES))
