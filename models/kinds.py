"""Stored specifications read back: every kind of specification that a checkpoint or a recipe may hold is known here."""

from collections.abc import Mapping
from typing import Any

import models.ajou.spec  # noqa: F401
import models.alacgan.spec  # noqa: F401
import models.classifiers.spec  # noqa: F401
import models.diverse_gan.spec  # noqa: F401
import models.frames.spec  # noqa: F401
import models.hinted_pix2pix.spec  # noqa: F401
import models.pix2pix.spec  # noqa: F401

# Importing a kind's module is what makes it known.
import models.recipe  # noqa: F401
import models.sketch.spec  # noqa: F401
import models.specs.artifacts  # noqa: F401
import models.specs.discriminators  # noqa: F401
import models.specs.features  # noqa: F401
import models.specs.hints  # noqa: F401
import models.specs.hypercolumns  # noqa: F401
import models.two_stage.spec  # noqa: F401
import models.webtoon.spec  # noqa: F401
from models.specs.base import KINDS


def spec_from_json(values: Mapping[str, Any]) -> Any:
    """What `spec_to_json` gave. Raises ValueError for an unknown kind, unknown or missing fields."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of: {', '.join(sorted(KINDS))}")
    try:
        return KINDS[kind](**{name: _from_json(value) for name, value in values.items() if name != "kind"})
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return spec_from_json(value)
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value
