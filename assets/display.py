"""Metadata of materializations: pictures as Markdown that the UI renders, counts as numbers that it plots."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


NOTICES = "notices"
"""The name of the metadata that holds them."""


def picture(rgb: "np.ndarray", caption: str) -> dg.MarkdownMetadataValue:
    """A picture, uint8 RGB (H, W, 3), as Markdown with a JPEG inside.

    Less than 100 kB, because metadata stays in the event log permanently.
    """
    from pipelines.images.sheets import to_jpeg

    return _markdown(to_jpeg(rgb), caption)


def pictures(jpegs: Mapping[str, bytes]) -> dict[str, dg.MarkdownMetadataValue]:
    """Kept previews by name, each as `picture` shows one."""
    return {name: _markdown(jpeg, name) for name, jpeg in jpegs.items()}


def _markdown(jpeg: bytes, caption: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{caption}](data:image/jpeg;base64,{base64.b64encode(jpeg).decode()})")


def counts(found: Mapping[str, int], prefix: str = "") -> dict[str, dg.IntMetadataValue]:
    """Counts by reason, as numbers that plot over time."""
    return {f"{prefix}{name}": dg.MetadataValue.int(int(count)) for name, count in found.items()}


def notices(sentences: Sequence[str]) -> dict[str, dg.JsonMetadataValue]:
    """Sentences that a person should read, one each: the terminal prints them too. Nothing where there are none."""
    return {NOTICES: dg.MetadataValue.json(list(sentences))} if sentences else {}


def table_of(frame: "pd.DataFrame") -> dg.TableMetadataValue:
    """A table whose index is its first column."""
    rows = frame.reset_index().to_dict("records")
    return dg.MetadataValue.table(
        [dg.TableRecord({str(name): _plain(value) for name, value in row.items()}) for row in rows]
    )


def _plain(value: Any) -> str | int | float | bool | None:
    return value.item() if hasattr(value, "item") else value
