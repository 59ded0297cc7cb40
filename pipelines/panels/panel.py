"""One row a panel: the table that `panels` keeps for each issue. Dropped panels stay, with their reason.

The pixels are not in it: they are a part of the pages, which the lake keeps as they were served; `pixels.py` reads
them.
"""

import pyarrow as pa

BOX = pa.list_(pa.int32(), 4)
"""[x, y, width, height] in pixels, from the top left corner."""

PANEL_SCHEMA = pa.schema(
    [
        pa.field("title", pa.string(), nullable=False),
        pa.field("issue", pa.string(), nullable=False),
        pa.field(
            "panel", pa.int32(), nullable=False
        ),  # 1, 2, ... in reading order, before any filter; last, what is none
        pa.field("panel_id", pa.string(), nullable=False),  # "<title>__<issue>__0007"
        pa.field("page", pa.int32(), nullable=False),  # the page where it begins
        pa.field("pages_sha256", pa.list_(pa.string()), nullable=False),  # every page that it touches
        pa.field("page_box", BOX, nullable=False),  # relative to the page where it begins; may run past its end
        # No fixed size here: Arrow cannot read a null of a fixed-size list back from Parquet.
        pa.field("strip_box", pa.list_(pa.int32())),  # a box relative to the stitched strip; null when cut page by page
        pa.field("strip_width_px", pa.int32()),  # the width to which its slices are brought; null without a strip
        pa.field(
            "explanation", pa.string()
        ),  # which explanation of its page won (`explanations.py`); "strip" on a strip
        pa.field("page_score", pa.float32()),  # the score of that explanation (`score.py`); null where none is judged
        pa.field("width_px", pa.int32(), nullable=False),
        pa.field("height_px", pa.int32(), nullable=False),
        pa.field("drop_reason", pa.string()),  # null, or one of the reasons of `filters.py`
        pa.field("is_gray", pa.bool_(), nullable=False),  # naturally gray: drawn without colour
        pa.field("colored_share", pa.float32(), nullable=False),  # share of the pixels that are clearly coloured
        pa.field("phash", pa.string(), nullable=False),  # 64 bits as 16 hex digits, as imagehash writes it
        pa.field("hash_version", pa.string(), nullable=False),  # algorithm and library versions behind `phash`
        pa.field("is_flat", pa.bool_(), nullable=False),  # too little contrast for a perceptual hash to mean anything
        pa.field("sha256", pa.string(), nullable=False),  # of the panel's size and RGB pixels
        pa.field("thumbnail", pa.binary(768), nullable=False),  # 16 x 16 RGB bytes, for a second opinion on likeness
        pa.field("mask", pa.binary()),  # PNG, 255 inside the outline; null where the outline is the box
        pa.field("licence", pa.string(), nullable=False),
        pa.field("attribution", pa.string(), nullable=False),
    ]
)
