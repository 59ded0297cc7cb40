"""The test pictures that a checkpoint has learned from: nobody is judged on those.

Splits follow the pictures (`pipelines.issue_splits`), so normally there are none. But a checkpoint may be older than a
lake's splits, come from another lake, or have been trained on a set whose pictures were in other splits. It knows the
fingerprint of its training set, and that set's rows name the digest of each picture. Both train and val count: val
chose the step that was kept. So do the training sets of what the recipe builds on (drafts, classifiers, line
detectors).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.methods.spec import Method, Shipped
from models.recipes import recipe_of
from pipelines.copies.former_issues import NEAR_BITS
from pipelines.copies.mirrored import mirrored_hash, mirrored_thumbnail
from pipelines.copies.near_hashes import hash_bits, near_values
from pipelines.lake import Lake
from pipelines.training.record import TrainingRecord, record_from_json
from pipelines.training.run_folder import RECORD
from pipelines.training_set import TrainingSet

LEARNED_SPLITS = ("train", "val")

MIN_MIRRORED_CORRELATION = 0.95
"""Of the colour thumbnails of two pictures, one of them mirrored."""


def learned_pictures(
    lake: Lake, record: TrainingRecord, benchmark: TrainingSet, known: "KnownPictures | None" = None
) -> dict[str, str] | None:
    """Test pictures that a training has learned from, by panel_id, with the split that they were in and in which form:
    `train`, `val`, `train (near)`, `train (mirrored)`.

    `near` is a perceptual hash within 8 bits: another encoding. It and `mirrored` are known of pictures that
    `unique_panels` holds, or `picture_splits` remembers. Zoomed copies are not looked for: pixels would have to be
    aligned, a minute for 500 test pictures; those across the splits of this lake are left out of them before.

    Args:
        lake: Holds the training sets.
        record: The training.
        benchmark: Its test split is looked at.
        known: The hashes of the lake's pictures, for who asks about several trainings; None: they are read.

    Returns None where that is not known: a training set is not in this lake (the checkpoint was imported), or the
    weights are the shipped ones, whose card (`models/weights/README.md`) names titles alone. Of a set that was
    withdrawn by a drop the rows stay, so it is known.
    """
    network = recipe_of(record.recipe).objective.network
    if isinstance(network, Method):
        return None if isinstance(network, Shipped) else {}
    learned: dict[str, str] = {}
    try:
        for training_set in {one.training_set: one for one in _with_dependencies(lake, record)}:
            opened = TrainingSet.open(lake, training_set)
            for split in reversed(LEARNED_SPLITS):  # of a picture in both, train counts
                learned |= dict.fromkeys(opened.digests(split).values(), split)
    except FileNotFoundError:
        return None
    test = benchmark.digests("test")
    found = {panel_id: learned[digest] for panel_id, digest in test.items() if digest in learned}
    known = known or KnownPictures.of(lake)
    others = [panel_id for panel_id in test if panel_id not in found and test[panel_id] in known.hashes]
    alike = known.alike({test[panel_id] for panel_id in others}, learned)
    return found | {panel_id: alike[test[panel_id]] for panel_id in others if test[panel_id] in alike}


def _with_dependencies(lake: Lake, record: TrainingRecord) -> Iterator[TrainingRecord]:
    """The record, and those of the trainings that it builds on.

    Trainings without an MLflow run (`python -m pipelines`) build on trainings on their own training set.
    """
    yield record
    for need in recipe_of(record.recipe).needs:
        run = record.dependencies.get(need.role)
        if not run:
            continue
        paths = sorted(lake.trained(need.recipe).glob(f"*/{RECORD}"), key=str)
        records = (record_from_json(lake.read_json(path), name=str(path)) for path in paths)
        found = next((one for one in records if one.mlflow_run_id == run), None)
        if found is None:
            raise FileNotFoundError(f"{record.recipe}: the record of its {need.role} is not in this lake")
        yield from _with_dependencies(lake, found)


@dataclass(frozen=True)
class KnownPictures:
    """Hashes and thumbnails of pictures by their digests; of those that are gone only hashes."""

    hashes: Mapping[str, int]
    thumbnails: Mapping[str, bytes]

    @classmethod
    def of(cls, lake: Lake) -> "KnownPictures":
        """Those that `unique_panels` holds, or `picture_splits` remembers. Reads both tables whole."""
        tables = []
        for path in (lake.picture_splits, lake.unique_panels):
            wanted = ["sha256", "phash", "is_flat", "thumbnail"]
            if path.exists() and {"phash", "is_flat"} <= (columns := {*lake.columns(path)}):
                tables.append(lake.read_table(path, [name for name in wanted if name in columns]).to_pandas())
        if not tables:
            return cls({}, {})
        every = pd.concat(tables, ignore_index=True)
        every = every[every["phash"].notna() & (every["is_flat"] == False)]  # noqa: E712  (may be null)
        thumbnails = every.dropna(subset="thumbnail") if "thumbnail" in every else every.head(0).assign(thumbnail=None)
        return cls(
            dict(zip(every["sha256"], hash_bits(every["phash"]).tolist(), strict=True)),
            dict(zip(thumbnails["sha256"], thumbnails["thumbnail"], strict=True)),
        )

    def alike(self, pictures: set[str], learned: Mapping[str, str]) -> dict[str, str]:
        """Of pictures, by digest, those of which a near or mirrored one is among the learned ones, with its split."""
        digests = [digest for digest in learned if digest in self.hashes]
        of_hash: dict[int, list[str]] = {}
        for digest in digests:
            of_hash.setdefault(self.hashes[digest], []).append(digest)
        known = np.array([*of_hash], np.uint64)
        asked = {digest: self.hashes[digest] for digest in sorted(pictures)}
        own = np.array([*asked.values()], np.uint64)
        near, mirrored = near_values(own, known, NEAR_BITS), near_values(mirrored_hash(own), known, NEAR_BITS)
        found = {}
        for (digest, value), flipped in zip(asked.items(), mirrored_hash(own).tolist(), strict=True):
            upright = [learned[other] for one in near.get(value, ()) for other in of_hash[one]]
            turned = [other for one in mirrored.get(flipped, ()) for other in of_hash[one]]
            confirmed = [learned[other] for other in turned if self._are_mirrored(digest, other)]
            for splits, form in ((upright, "near"), (confirmed, "mirrored")):
                if splits and digest not in found:
                    found[digest] = f"{min(splits, key=LEARNED_SPLITS.index)} ({form})"
        return found

    def _are_mirrored(self, digest: str, other: str) -> bool:
        if digest not in self.thumbnails or other not in self.thumbnails:
            return False
        return correlation(mirrored_thumbnail(self.thumbnails[digest]), self.thumbnails[other]) >= (
            MIN_MIRRORED_CORRELATION
        )


def correlation(thumbnail: bytes, other: bytes) -> float:
    """Of the colours of two thumbnails; 0 where one has a single colour."""
    pair = np.frombuffer(thumbnail + other, np.uint8).astype(np.float64).reshape(2, -1)
    pair -= pair.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(pair, axis=1)
    return float(pair[0] @ pair[1] / norms.prod()) if norms.all() else 0.0
