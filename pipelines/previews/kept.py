"""Pictures that the lake keeps beside an output, and draws again only where it changed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.images.sampling import evenly_spaced
from pipelines.images.sheets import to_jpeg
from pipelines.lake import Lake, digest_of, image_type

MAX_PICTURES = 24
SHEET_COLUMNS = 6  # wider sheets run out of the window in which Dagster shows them
PREVIEW_SCHEMA = pa.schema(
    [pa.field("name", pa.string(), nullable=False), pa.field("image", image_type(), nullable=False)]
)
PREVIEW_VERSION = "3"
"""Part of every kept preview's digest: raise it whenever the same output is drawn otherwise."""

Pictures = Mapping[str, np.ndarray | None]
"""Pictures by name; None where there is nothing to show."""


def keep_previews(
    lake: Lake, stage: str, partition: str, *, made_from: object, draw: Callable[[], Pictures]
) -> dict[str, bytes]:
    """The pictures of a partition as JPEG files by name, drawn only where the kept ones were made from something else.

    made_from: what the pictures show, as a JSON value, e.g. the digest of a table.
    """
    path, digest = lake.previews(stage, partition), digest_of([PREVIEW_VERSION, made_from])
    if lake.made_from(path) != digest:
        rows = [
            {"name": name, "image": {"bytes": to_jpeg(rgb), "path": f"{name}.jpg"}}
            for name, rgb in draw().items()
            if rgb is not None
        ]
        lake.write_table(path, pa.Table.from_pylist(rows, PREVIEW_SCHEMA), made_from=digest)
    return {row["name"]: row["image"]["bytes"] for row in lake.read_table(path).to_pylist()}


def spread(items: list[Any], at_most: int) -> list[Any]:
    """At most so many items, evenly spread, in their order."""
    return [items[index] for index in evenly_spaced(len(items), at_most)]
