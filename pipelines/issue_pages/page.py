"""One row a page: the table that `issue_pages` keeps for each issue.

A page that could not be kept still has its row: `status` has the reason, `image` is null.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from pipelines.lake import image_type

PAGE_SCHEMA = pa.schema(
    [
        pa.field("title", pa.string(), nullable=False),
        pa.field("issue", pa.string(), nullable=False),
        pa.field("page", pa.int32(), nullable=False),  # 1, 2, ... in reading order
        pa.field("name", pa.string(), nullable=False),  # file name as served
        pa.field("url", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # "ok", or the reason why there is no picture
        pa.field(
            "detail", pa.string()
        ),  # for people: what was seen, what to do; of an ok page, why the last check failed
        pa.field("http_status", pa.int32()),
        pa.field("etag", pa.string()),
        pa.field("last_modified", pa.string()),
        pa.field("sha256", pa.string()),  # of the bytes as served
        pa.field("size_bytes", pa.int64()),
        pa.field("width_px", pa.int32()),
        pa.field("height_px", pa.int32()),
        pa.field("format", pa.string()),  # by the bytes, not by the name: "jpeg", "png", "gif", "webp", ...
        pa.field("fetched_at", pa.timestamp("us", tz="UTC")),  # when these bytes came
        pa.field("checked_at", pa.timestamp("us", tz="UTC")),  # when the source last confirmed them
        pa.field("licence", pa.string(), nullable=False),
        pa.field("attribution", pa.string(), nullable=False),
        pa.field("facts", pa.string(), nullable=False),  # a JSON object: from the source: tags, time, ...
        pa.field("note", pa.string()),  # for people: why its colours may be wrong; null in older tables
        pa.field("image", image_type()),  # the bytes exactly as served
    ]
)


@dataclass(frozen=True)
class PageRow:
    """One row of `PAGE_SCHEMA` without its picture; see there for the fields."""

    title: str
    issue: str
    page: int
    name: str
    url: str
    status: str
    detail: str | None
    http_status: int | None
    etag: str | None
    last_modified: str | None
    sha256: str | None
    size_bytes: int | None
    width_px: int | None
    height_px: int | None
    format: str | None
    fetched_at: datetime | None
    checked_at: datetime | None
    licence: str
    attribution: str
    facts: str
    note: str | None = None
