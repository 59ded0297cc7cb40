"""`tintoon recipes`: every way to train a network, with what it sees, needs and costs."""

from typing import Any

from rich.table import Table

from assets.trainings import TRAININGS
from pipelines.recipe_costs import cost_of
from pipelines.recipes import PAPERS, Recipe


def recipe_rows() -> list[dict[str, Any]]:
    """Every recipe as JSON values, in the order in which they are trained: what others need first.

    `parameters` and `gflop_per_image` are those of the trained network at the recipe's own size.
    """
    return [_row(asset, recipe) for asset, trained in TRAININGS.items() for recipe in trained.values()]


def _row(asset: str, recipe: Recipe) -> dict[str, Any]:
    parameters, gflop = cost_of(recipe)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "paper": PAPERS[recipe.paper],
        "asset": asset,
        "task": recipe.task,
        "input": recipe.variant,
        "hints": type(recipe.hint).__name__ if recipe.hint else None,
        "label": recipe.with_label and recipe.task == "colorize",
        "color_space": recipe.color_space,
        "resolution": recipe.resolution,
        "batch": recipe.batch,
        "steps": recipe.steps,
        "pictures": recipe.pictures,
        "needs": {need.role: need.recipe for need in recipe.needs},
        "extractor": recipe.extractor,
        "parameters": parameters,
        "gflop_per_image": round(gflop, 3),
    }


def recipe_table(rows: list[dict[str, Any]]) -> Table:
    """The rows for people."""
    table = Table("recipe", "paper", "sees", "task", "colour")
    for column in ("px", "batch", "pictures", "M weights", "GFLOP"):
        table.add_column(column, justify="right")
    table.add_column("needs")
    numbers = {title: number for number, title in PAPERS.items()}
    for row in rows:
        sees = [row["input"], "hints" if row["hints"] else "", "title" if row["label"] else ""]
        table.add_row(
            row["name"],
            numbers[row["paper"]],
            " + ".join(filter(None, sees)),
            row["task"].replace("_", " "),
            row["color_space"],
            str(row["resolution"]),
            str(row["batch"]),
            f"{row['pictures']:,}",
            f"{row['parameters'] / 1e6:.1f}",
            f"{row['gflop_per_image']:.1f}",
            ", ".join([*row["needs"].values(), *filter(None, [row["extractor"]])]),
        )
    return table
