"""Which earlier panels decide about new ones, so that a new issue does not decide about everything again."""

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.copies.near_hashes import hash_bits, near_pairs

DECISIVE_COLUMNS = ["phash", "sha256", "is_flat", "pages_sha256", "stage"]


def comparable_hashes(panels: pd.DataFrame) -> np.ndarray:
    """What panels are compared by, (N,) uint64: the perceptual hash; for a picture too flat for one, 64 bits of its
    digest, which are equal only when the pictures are.

    panels: phash, sha256, is_flat.
    """
    return hash_bits(panels["phash"].where(~panels["is_flat"], panels["sha256"].str[:16]))


def decisive_rows(before: pa.Table, new: pd.DataFrame, radius_bits: int) -> np.ndarray:
    """The rows of `before` that the decisions about `new` panels depend on, rising: (R,) int64.

    before: DECISIVE_COLUMNS of decided panels, in the order of arrival. new: panels that come after all of them.

    A panel depends on earlier ones with one of its pages or a near hash, and on what those depend on. What was dropped
    by its terms, because its pages changed, or by its page decides nothing, nor does a near-duplicate of a panel of its
    own title: the one that it repeats does.
    """
    stage = before["stage"].to_pandas()
    decides_pages = ~stage.isin(["terms", "changed", "page"]).to_numpy(bool)
    by_hash = np.flatnonzero(decides_pages & (stage != "crop").to_numpy(bool))
    hashes = comparable_hashes(before.select(["phash", "sha256", "is_flat"]).to_pandas())
    listed = before["pages_sha256"].combine_chunks()
    digests, holder = listed.flatten().to_pandas(), np.repeat(np.arange(len(before)), listed.value_lengths())

    found = np.zeros(len(before), bool)
    place, asked = np.full(len(new), len(before)), comparable_hashes(new)
    pages = {digest for listed in new["pages_sha256"] for digest in listed}
    while len(place):
        fresh = np.zeros(len(before), bool)
        fresh[holder[digests.isin(pages).to_numpy(bool)]] = True
        fresh &= decides_pages
        for one, other in near_pairs(asked, hashes[by_hash], radius_bits):
            near = by_hash[other]
            fresh[near[near < place[one]]] = True
        fresh &= ~found
        found |= fresh
        place, asked, pages = np.flatnonzero(fresh), hashes[fresh], {*digests[fresh[holder]]}
    return np.flatnonzero(found)
