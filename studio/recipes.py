"""`tintoon recipes`: every way to train a network, with what it sees, needs and costs."""

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.recipes import PAPERS, Recipe
from pipelines.training.cost import cost_of
from pipelines.training.registry import TRAININGS


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
        "hints": type(recipe.hint).__name__ if recipe.hint else "any" if recipe.takes_hints else None,
        "references": recipe.takes_references,
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


def recipe_tables(rows: list[dict[str, Any]]) -> Iterator[Table]:
    """The rows for people: a table for each paper, that a terminal of 80 columns shows whole.

    Behind ← is what must be there before: trained recipes, then the feature extractor.
    """
    for paper in PAPERS.values():
        table = Table(title=paper, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("recipe", no_wrap=True)
        table.add_column("sees", no_wrap=True)
        for column in ("px", "pictures", "M weights", "GFLOP"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in rows:
            if row["paper"] == paper:
                sees = [row["input"], *(part for part in ("hints", "references") if row[part])]
                sees += ["title"] if row["label"] else []
                needs = [*row["needs"].values(), *filter(None, [row["extractor"]])]
                table.add_row(
                    row["name"] + (f"\n[dim] ← {', '.join(needs)}[/]" if needs else ""),
                    "+".join(sees),
                    str(row["resolution"]),
                    f"{row['pictures'] / 1000:,.0f} k",
                    f"{row['parameters'] / 1e6:.1f}",
                    f"{row['gflop_per_image']:.1f}",
                )
        yield table
