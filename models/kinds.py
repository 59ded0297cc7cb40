"""Reading of stored specifications: this module knows every kind that a checkpoint or a recipe may hold."""

from collections.abc import Mapping
from typing import Any

import models.ajou.spec
import models.alacgan.spec
import models.classifiers.spec
import models.diverse_gan.spec
import models.exemplar.spec
import models.frames.spec
import models.hinted_pix2pix.spec
import models.hypercolumns.spec
import models.methods.spec
import models.pix2pix.spec

# The import of a kind's module registers the kind.
import models.recipe
import models.sketch.spec
import models.specs.artifacts
import models.specs.discriminators
import models.specs.features
import models.specs.hints
import models.two_stage.spec
import models.webtoon.spec  # noqa: F401
from models.old_names import with_current_names
from models.specs.base import KINDS


def spec_from_json(values: Mapping[str, Any]) -> Any:
    """The specification that `spec_to_json` stored, by today's field names or earlier ones.

    Raises ValueError for an unknown kind, unknown or missing fields.
    """
    kind = values.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of: {', '.join(sorted(KINDS))}")
    try:
        return KINDS[kind](
            **{name: _from_json(value) for name, value in with_current_names(values).items() if name != "kind"}
        )
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return spec_from_json(value)
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value
