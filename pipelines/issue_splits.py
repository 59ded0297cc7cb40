"""Stage 4, decisions -> a split for every issue: train, val or test, per title, by issue, sticky.

Reads `unique_panels.parquet`, writes `issue_splits.parquet`. Issues, never panels, are split, because consecutive
panels are alike (paper 000, III.B). An issue once assigned never moves. A new one goes where its title's shares
are furthest below their goal (ties by a salted hash), and a title of three issues or more has all three splits.
An issue that keeps no panel has no split until it does.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.lake import Lake, digest_of, issue_key
from pipelines.params import SPLITS, SplitParams

MIN_CORRELATION = 0.99
"""Panels of different splits count as lookalikes from this correlation of their thumbnails on."""

BLOCK_PANELS = 1024
"""Panels that are compared with another split at a time: with 100,000 panels in train, 400 MB."""

SPLIT_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("issue", pa.string(), nullable=False),
        pa.field("split", pa.string()),  # null while the issue keeps no panel
        pa.field("panels", pa.int32(), nullable=False),  # kept panels
    ]
)


@dataclass(frozen=True)
class SplitReport:
    """Kept panels by title and split, new assignments, and whether anything changed."""

    table: pd.DataFrame  # one row a title: train, val, test, issues
    counts: dict[str, int]
    new_issues: int
    digest: str
    unchanged: bool


def assign(panels: dict[str, int], before: dict[str, str], params: SplitParams) -> dict[str, str]:
    """Splits for the issues of one title.

    panels: kept panels by issue key, in the order of arrival, all above 0. before: splits already given.
    """
    splits = {key: split for key, split in before.items() if key in panels}
    waiting = [key for key in panels if key not in splits]
    for place, key in enumerate(waiting):
        held = {name: sum(panels[k] for k, split in splits.items() if split == name) for name in SPLITS}
        total = max(sum(held.values()), 1)
        missing = [name for name in SPLITS if name not in splits.values()]
        last_chance = len(panels) >= len(SPLITS) and len(waiting) - place <= len(missing)
        candidates = missing if last_chance else SPLITS
        splits[key] = max(
            candidates,
            key=lambda name: (
                params.goals[name] - held[name] / total,
                sha256(f"{params.salt}:{key}:{name}".encode()).digest(),
            ),
        )
    return splits


def build_issue_splits(lake: Lake, params: SplitParams) -> SplitReport:
    """Assigns every issue that has none yet. Raises FileNotFoundError before `unique_panels` was made."""
    if not lake.unique_panels.exists():
        raise FileNotFoundError("no decisions yet: materialize `unique_panels` first (tintoon run unique_panels)")
    decisions = lake.read_table(lake.unique_panels, ["title", "issue", "sequence", "kept"]).to_pandas()
    issues = decisions.groupby(["sequence", "title", "issue"], as_index=False)["kept"].sum().sort_values("sequence")
    issues["key"] = [issue_key(row.title, row.issue) for row in issues.itertuples()]

    before: dict[str, str] = {}
    if lake.issue_splits.exists():
        known = lake.read_table(lake.issue_splits).to_pandas().dropna(subset="split")
        before = dict(zip(known["key"], known["split"], strict=True))
    splits: dict[str, str] = {}
    for _, title in issues[issues["kept"] > 0].groupby("title", sort=False):
        splits |= assign(dict(zip(title["key"], title["kept"], strict=True)), before, params)
    # An issue that keeps nothing at present keeps its split all the same.
    splits = {**{key: before[key] for key in issues["key"] if key in before}, **splits}

    rows = pd.DataFrame(
        {
            "key": issues["key"],
            "title": issues["title"],
            "issue": issues["issue"],
            "split": issues["key"].map(splits).astype("object").where(issues["key"].isin(splits), None),
            "panels": issues["kept"].astype(np.int32),
        }
    )
    digest = digest_of([SplitParams.code_version, rows.astype(object).where(rows.notna(), None).values.tolist()])
    unchanged = lake.made_from(lake.issue_splits) == digest
    if not unchanged:
        table = pa.Table.from_pandas(rows, schema=SPLIT_SCHEMA, preserve_index=False)
        lake.write_table(lake.issue_splits, table, made_from=digest)
    by_title = rows.pivot_table(
        index="title", columns="split", values="panels", aggfunc="sum", fill_value=0, sort=False
    )
    by_title = by_title.reindex(columns=list(SPLITS), fill_value=0).astype(int)
    by_title["issues"] = rows.groupby("title").size()
    return SplitReport(
        table=by_title,
        counts={name: int(by_title[name].sum()) for name in SPLITS},
        new_issues=len(set(splits) - set(before)),
        digest=digest,
        unchanged=unchanged,
    )


@dataclass(frozen=True)
class Lookalikes:
    """A pair of kept panels in different splits that look alike."""

    panel_id: str
    split: str
    other_id: str
    other_split: str
    correlation: float
    distance_bits: int  # of their perceptual hashes: the radius that would have dropped the later one


def lookalikes_across_splits(lake: Lake, *, min_correlation: float) -> list[Lookalikes]:
    """Pairs of kept panels, in different splits, whose 16 x 16 colour thumbnails have at least this correlation.

    The measure differs from the perceptual hash that removed the duplicates, so that the check can fail. Pictures too
    flat to compare are left out.
    """
    decisions = lake.read_table(
        lake.unique_panels, ["title", "issue", "panel_id", "kept", "is_flat", "thumbnail", "phash"]
    ).to_pandas()
    splits = lake.read_table(lake.issue_splits, ["title", "issue", "split"]).to_pandas().dropna(subset="split")
    kept = decisions[decisions["kept"] & ~decisions["is_flat"]].merge(splits, on=["title", "issue"])
    if kept.empty:
        return []
    pixels = np.stack([np.frombuffer(thumbnail, np.uint8) for thumbnail in kept["thumbnail"]]).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True) + 1e-6
    names, ids = kept["split"].to_numpy(), kept["panel_id"].to_numpy()
    hashes = [int(digits, 16) for digits in kept["phash"]]
    found = []
    for split, other in (("val", "train"), ("test", "train"), ("test", "val")):
        every, others = np.flatnonzero(names == split), np.flatnonzero(names == other)
        other_pixels = pixels[others].T
        for start in range(0, len(every), BLOCK_PANELS):
            rows = every[start : start + BLOCK_PANELS]
            correlation = pixels[rows] @ other_pixels
            for i, j in zip(*np.nonzero(correlation >= min_correlation), strict=True):
                one, two = rows[i], others[j]
                bits = (hashes[one] ^ hashes[two]).bit_count()
                found.append(Lookalikes(ids[one], split, ids[two], other, float(correlation[i, j]), bits))
    return sorted(found, key=lambda pair: -pair.correlation)


def check_lookalikes(lake: Lake) -> list[Lookalikes]:
    """The `lookalikes_across_splits`; compared once for the same decisions and splits, and kept in the lake."""
    made_from = digest_of([lake.made_from(lake.unique_panels), lake.made_from(lake.issue_splits), MIN_CORRELATION])
    if lake.lookalikes.exists() and (kept := lake.read_json(lake.lookalikes))["made_from"] == made_from:
        return [Lookalikes(**pair) for pair in kept["pairs"]]
    found = lookalikes_across_splits(lake, min_correlation=MIN_CORRELATION)
    lake.write_json(lake.lookalikes, {"made_from": made_from, "pairs": [asdict(pair) for pair in found]})
    return found
