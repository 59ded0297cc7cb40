"""The pictures that show one evaluation."""

import numpy as np

from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.gallery import gallery_grid
from pipelines.evaluation.sources import sources_sheet
from pipelines.evaluation.tracks import REFERENCE_CONDITIONS, ReferenceCondition
from pipelines.lake import Lake
from pipelines.previews.kept import keep_previews


def evaluation_previews(lake: Lake, result: Evaluation) -> dict[str, bytes]:
    """The pictures that show an evaluation, as JPEG files by name; drawn once.

    The grid of input, output and truth; the worst pictures; and for each condition of references what each picture took
    its colours from.
    """
    return keep_previews(
        lake,
        "evaluation",
        result.name,
        made_from=[result.checkpoint_digest, result.benchmark_fingerprint, *_references_of(result)],
        draw=lambda: {
            "input | output | truth": result.grid,
            "worst": gallery_grid(result.gallery[result.gallery["kind"] == "worst"], result.name),
            **{
                f"references | input | output | truth, {references}": sheet
                for references, sheet in reference_sheets(result).items()
            },
        },
    )


def reference_sheets(result: Evaluation) -> dict[ReferenceCondition, np.ndarray]:
    """References, input, output and truth, by condition of references; of colorizers that tell their sources."""
    found = {}
    for references in REFERENCE_CONDITIONS:
        sources = result.sources[result.sources["references"] == references]
        shown = result.gallery[result.gallery["kind"] == references]
        if len(sources) and len(shown):
            found[references] = sources_sheet(sources, shown, result.name)
    return found


def _references_of(result: Evaluation) -> list[str]:
    return [result.references_fingerprint] if result.references_fingerprint else []
