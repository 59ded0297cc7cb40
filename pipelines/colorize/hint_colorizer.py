"""The colorizer of hints alone: the marks of a person are references for the rest of their own picture."""

import numpy as np

from pipelines.colorize.hints import Hint
from pipelines.colorize.picture import require_no_references
from pipelines.colorize.places import PicturePlaces
from pipelines.colorize.reference_colorizer import Colored, ReferenceColorizer
from pipelines.colorize.references import References


class HintColorizer(ReferenceColorizer):
    """As `ReferenceColorizer`, without references of other pictures."""

    takes_references = False

    def __init__(self, name: str = "propagate_hints", variant: str = "gray") -> None:
        super().__init__(name, variant)

    def colorize_with_sources(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        references: References | None = None,
        places: PicturePlaces | None = None,
    ) -> Colored:
        """As `ReferenceColorizer.colorize_with_sources`. Raises ValueError for references."""
        require_no_references(self.name, [references])
        return super().colorize_with_sources(picture, hint=hint, places=places)
