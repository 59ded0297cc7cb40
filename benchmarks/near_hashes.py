"""Near-duplicates among 64-bit hashes, against brute force, a dataframe join and faiss.

    python -m benchmarks near_hashes [--quick]
    python -m benchmarks.scaling near_hashes
    python -m benchmarks.near_hashes COUNT RADIUS KIND    CPU seconds and peak MB in this process, as JSON

Hashes are drawn: at random, 5 % of them within 3 bits of an earlier one ("uniform"); beside, 1 % of all the same and
2 % in one ball ("skewed").
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.curve import Curve
from benchmarks.peak_memory import peak_mb
from benchmarks.rounds import Times, in_turns
from benchmarks.row import Row, check_equal, megabytes, row_of_limit, row_of_times
from pipelines.copies import near_hashes
from pipelines.copies.near_hashes import Band, bands_of, earlier_lookalikes, near_pairs

CHUNK = 1 << 15
"""Hashes that brute force takes at a time: 256 KiB, which the nearest cache but one holds."""

JOIN_BANDS = (Band(0, 21, 0), Band(21, 21, 1), Band(42, 22, 1))
"""For a radius of 4; a join is fastest where few hashes share a band."""


def drawn(count: int, kind: str, seed: int = 0) -> np.ndarray:
    """Hashes, (count,) uint64, "uniform" or "skewed"."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    later = np.flatnonzero(random.random(count) < 0.05)[1:]
    hashes[later] = flipped(hashes[(random.random(len(later)) * later).astype(int)], 3, random)
    if kind == "skewed":
        hashes[random.choice(count, count // 100, replace=False)] = 0x0123456789ABCDEF
        ball = random.choice(count, count // 50, replace=False)
        hashes[ball] = flipped(np.full(len(ball), 0xFEDCBA9876543210, np.uint64), 4, random)
    return hashes


def flipped(hashes: np.ndarray, bits: int, random: np.random.Generator) -> np.ndarray:
    """Hashes with at most so many other bits."""
    for _ in range(bits):
        hashes = hashes ^ (np.uint64(1) << random.integers(0, 64, len(hashes)).astype(np.uint64))
    return hashes


def brute_leaders(hashes: np.ndarray, radius: int) -> list[int]:
    """`earlier_lookalikes` by the definition."""
    leaders, answer = np.empty(0, int), []
    for row in range(len(hashes)):
        near = leaders[np.bitwise_count(hashes[leaders] ^ hashes[row]) <= radius]
        answer.append(int(near[0]) if len(near) else -1)
        leaders = leaders if len(near) else np.append(leaders, row)
    return answer


def brute_force(hashes: np.ndarray, rows: int, radius: int) -> int:
    """Pairs of the first rows with all hashes, within the radius."""
    found = 0
    for start in range(0, len(hashes), CHUNK):
        chunk = hashes[start : start + CHUNK]
        found += sum(int((np.bitwise_count(chunk ^ value) <= radius).sum()) for value in hashes[:rows])
    return found


def joined(hashes: np.ndarray, radius: int) -> np.ndarray:
    """Pairs i < j within a radius of at most 4, (P, 2), sorted: a polars join for each of JOIN_BANDS and mask."""
    import polars as pl  # pyright: ignore[reportMissingImports]  of the extra "bench"

    found = []
    rows = pl.Series("row", np.arange(len(hashes), dtype=np.int32))
    for band in JOIN_BANDS:
        of_band = (hashes >> np.uint64(band.shift)) & np.uint64((1 << band.width) - 1)
        known = pl.DataFrame({"row": rows, "hash": hashes, "band": of_band.astype(np.uint32)}).lazy()
        for mask in band.masks:
            asked = known.with_columns(pl.col("band") ^ pl.lit(int(mask), pl.UInt32))
            near = asked.join(known, on="band", suffix="_2").filter(
                (pl.col("row") < pl.col("row_2")) & ((pl.col("hash") ^ pl.col("hash_2")).bitwise_count_ones() <= radius)
            )
            found.append(near.select("row", "row_2"))
    return pl.concat(found).unique().sort("row", "row_2").collect().to_numpy()


def our_pairs(hashes: np.ndarray, radius: int) -> np.ndarray:
    """The same by `near_pairs`, which gives each pair of a set in both directions."""
    blocks = [np.stack([i, j], axis=1)[i < j] for i, j in near_pairs(hashes, hashes, radius)]
    pairs = np.concatenate(blocks)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def scaled(times: Times, factor: float) -> Times:
    """The times of a whole, of which a share was measured."""
    return Times(tuple(one * factor for one in times.cpu), tuple(one * factor for one in times.wall))


def check_outputs() -> None:
    """Raises AssertionError where tables give others than the definition."""
    few, near_hashes.FEW = near_hashes.FEW, 0
    try:
        for kind in ("uniform", "skewed"):
            hashes = drawn(3_000, kind, seed=1)
            for radius in (4, 8):
                check_equal(
                    earlier_lookalikes(hashes, radius).tolist(), brute_leaders(hashes, radius), f"{kind}, {radius} bits"
                )
    finally:
        near_hashes.FEW = few


def run(quick: bool) -> list[Row]:
    """The rows of this benchmark."""
    check_outputs()
    count, rounds = (100_000, 1) if quick else (1_000_000, 2)
    uniform, skewed = drawn(count, "uniform"), drawn(count, "skewed")
    size = f"{count:.0e} hashes".replace("e+0", "e")
    rows = []
    for radius, target in ((4, 1 / 50), (8, 1 / 10)):
        rows += _against_others(uniform, radius, target, rounds, size)
        parts: dict[str, Callable[[], object]] = {
            "skewed": lambda radius=radius: earlier_lookalikes(skewed, radius),
            "uniform": lambda radius=radius: earlier_lookalikes(uniform, radius),
        }
        times = in_turns(parts, rounds=rounds)
        rows.append(
            row_of_times(
                f"near-duplicates, {size}, {radius} bits: a skewed set by a uniform one",
                times,
                ours="skewed",
                peer="uniform",
                target=2.0,
            )
        )
    check_equal(our_pairs(uniform, 4).tolist(), joined(uniform, 4).tolist(), "all pairs within 4 bits")
    times = in_turns(
        {"near_pairs": lambda: our_pairs(uniform, 4), "polars join": lambda: joined(uniform, 4)}, rounds=2, warm_up=0
    )
    rows.append(
        row_of_times(
            f"all pairs, {size}, 4 bits", times, ours="near_pairs", peer="polars join", target=1.0, clock="cpu"
        )
    )
    rows += [_memory(count, 8, kind, 400) for kind in ("uniform", "skewed")]
    if not quick:
        rows.append(_memory(10_000_000, 4, "uniform", 2_500))
    return rows


def _against_others(hashes: np.ndarray, radius: int, target: float, rounds: int, size: str) -> list[Row]:
    """Against brute force, and faiss, of which samples are measured."""
    import faiss  # pyright: ignore[reportMissingImports]  of the extra "bench"

    faiss.omp_set_num_threads(1)
    count, sample = len(hashes), 100
    index = faiss.IndexBinaryFlat(64)
    codes = hashes.view(np.uint8).reshape(-1, 8)
    index.add(codes)
    times = in_turns(
        {
            "ours": lambda: earlier_lookalikes(hashes, radius),
            "brute force": lambda: brute_force(hashes, sample, radius),
            "faiss": lambda: index.range_search(codes[:sample], radius + 1),
        },
        rounds=rounds,
    )
    found, _, _ = index.range_search(codes[:sample], radius + 1)
    check_equal(int(found[-1]), brute_force(hashes, sample, radius), "pairs of a sample by faiss and by brute force")
    # Brute force compares each pair once; faiss asks for each hash among all.
    times["brute force"] = scaled(times["brute force"], count / sample / 2)
    times["faiss"] = scaled(times["faiss"], count / sample)
    facts = {"sampled hashes": sample, "bands": [tuple(band) for band in bands_of(count, radius)]}
    name = f"near-duplicates, {size}, {radius} bits"
    return [
        row_of_times(name, times, ours="ours", peer="brute force", target=target, facts=facts),
        row_of_times(f"{name}, by faiss flat", times, ours="ours", peer="faiss", target=None, facts=facts),
    ]


def _memory(count: int, radius: int, kind: str, limit_mb: int) -> Row:
    found = measured(count, radius, kind)
    name = f"near-duplicates, peak memory of {kind} {count:.0e}, {radius} bits".replace("e+0", "e")
    return row_of_limit(name, [found["peak_mb"]], limit_mb, megabytes, clock="bytes", facts=found)


def measured(count: int, radius: int, kind: str) -> dict[str, float]:
    """CPU seconds and peak MB of a process that finds the near-duplicates of drawn hashes."""
    command = [sys.executable, "-m", "benchmarks.near_hashes", str(count), str(radius), kind]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def curves(quick: bool) -> list[Curve]:
    """CPU seconds and peak memory at 1e4 to 1e7 hashes."""
    sizes = [10_000, 30_000, 100_000] if quick else [int(base * 10**power) for power in range(4, 7) for base in (1, 3)]
    sizes += [] if quick else [10_000_000]
    found = []
    for radius in (4, 8):
        points = [(size, measured(size, radius, "uniform")) for size in sizes]
        found.append(
            Curve(
                name=f"near-duplicates within {radius} bits",
                size="hashes",
                cost="CPU seconds",
                points=[(size, max(one["cpu_s"], 1e-3)) for size, one in points],
                fitted_from=100_000 if not quick else 0,
            )
        )
        found.append(
            Curve(
                name=f"near-duplicates within {radius} bits: memory",
                size="hashes",
                cost="peak MB",
                points=[(size, one["peak_mb"]) for size, one in points],
                fitted_from=1_000_000 if not quick else 0,
            )
        )
    return found


def main() -> None:
    """Measures one call in this process."""
    count, radius, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    few = drawn(10, "uniform")
    near_hashes.FEW = 0
    earlier_lookalikes(few, radius)  # imports and compiles
    hashes = drawn(count, kind)
    started = time.process_time()
    earlier_lookalikes(hashes, radius)
    spent = time.process_time() - started
    sys.stdout.write(json.dumps({"cpu_s": spent, "peak_mb": peak_mb()}) + "\n")


if __name__ == "__main__":
    main()
