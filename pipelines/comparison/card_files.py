"""The files of a model card: the text, and the pictures that it shows."""

from collections.abc import Mapping
from typing import Any

from pipelines.comparison.model_card import CardFacts, model_card
from pipelines.evaluation.baselines import BASELINES, ORACLES, REFERENCE_BASELINES
from pipelines.evaluation.evaluation import Evaluation, load_evaluations
from pipelines.evaluation.gallery import gallery_grid
from pipelines.evaluation.previews import reference_sheets
from pipelines.images.sheets import to_png
from pipelines.lake import Lake
from pipelines.training.record import TrainingRecord

SHOWN_KINDS = ("best", "median", "worst")
SHOWN_SETTINGS = ("batch", "precision", "device")


def card_files(
    lake: Lake,
    record: TrainingRecord,
    evaluation: Evaluation,
    *,
    version: str,
    recipe: Mapping[str, Any],
    settings: Mapping[str, str],
    datasheet: Mapping[str, Any],
    reason: str,
) -> dict[str, bytes]:
    """`model_card.md` and its pictures, by file name.

    Args:
        lake: Holds the evaluations of the baselines, which the card compares with.
        record: The training.
        evaluation: Its result on the benchmark, under the condition of references that it was decided in.
        version: The number of the registered version.
        recipe: `Recipe.to_json()`, as trained.
        settings: The parameters of the training; SHOWN_SETTINGS of them are shown.
        datasheet: That of the training set.
        reason: Why it was promoted, or not.
    """
    baselines = {
        one.name: one.under(evaluation.references, set(evaluation.rows["panel_id"])).rows
        for one in load_evaluations(lake)
        if one.name in (*BASELINES[evaluation.track], *_reference_baselines(evaluation))
        and one.name not in ORACLES
        and one.benchmark_fingerprint == evaluation.benchmark_fingerprint
    }
    sheets = reference_sheets(evaluation)
    shown = {kind: rows for kind, rows in evaluation.gallery.groupby("kind") if kind in SHOWN_KINDS}
    facts = CardFacts(
        version=version,
        evaluation=evaluation,
        recipe=recipe,
        budget={
            "seconds": record.seconds,
            "pictures_seen": record.pictures_seen,
            "best_step": record.best_step,
            "seed": record.seed,
            **{name: settings[name] for name in SHOWN_SETTINGS if name in settings},
        },
        datasheet=datasheet,
        learned_from=record.training_set,
        baselines=baselines,
        reason=reason,
        pictures={
            **{f"{kind}: input, output, truth": f"{kind}.png" for kind in shown},
            **{f"{condition}: references, input, output, truth": f"{condition}.png" for condition in sheets},
        },
    )
    pictures = {f"{kind}.png": to_png(gallery_grid(rows, evaluation.name)) for kind, rows in shown.items()}
    pictures |= {f"{condition}.png": to_png(sheet) for condition, sheet in sheets.items()}
    return {**pictures, "model_card.md": model_card(facts).encode()}


def _reference_baselines(evaluation: Evaluation) -> list[str]:
    return [] if evaluation.references == "none" else [REFERENCE_BASELINES[evaluation.track]]
