"""The pictures that show one evaluation."""

from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.gallery import gallery_grid
from pipelines.lake import Lake
from pipelines.previews import keep_previews


def evaluation_previews(lake: Lake, result: Evaluation) -> dict[str, bytes]:
    """The grid of input, output and truth, and the worst pictures, as JPEG files by name; drawn once."""
    return keep_previews(
        lake,
        "evaluation",
        result.name,
        made_from=[result.checkpoint_digest, result.benchmark_fingerprint],
        draw=lambda: {
            "input | output | truth": result.grid,
            "worst": gallery_grid(result.gallery[result.gallery["kind"] == "worst"], result.name),
        },
    )
