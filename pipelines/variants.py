"""Stage 5, panels -> the input of colorizers: gray, edge and line arrays of one split, beside the colour.

Reads the panel tables, `unique_panels.parquet` and `issue_splits.parquet`; writes

    variants/<kind>/<digest>/<split>_<R>.npy    uint8: color (N, R, R, 3); gray, edge (N, 1, R, R); line (N, 5, R, R)
    variants/<kind>/<digest>/rows.parquet       one row a picture, in the order of the arrays
    variants/<kind>/<digest>/manifest.json      digests, shapes, settings
    variants/<kind>/<split>.json                which digest is current

A folder is named by the digest of what it was made from, appears whole, and is never changed: training sets point
at it. Pictures are computed at the training resolution, from the resized colour, because computing costs less than
decoding stored PNG files. The colour of a split is decoded once; gray, edge and line are derived from its arrays.

Ambiguous in the papers: Canny's thresholds (001 names only OpenCV) default to 100/200; XDoG's parameters (003 gives
only its sigmas) are those of the authors' public code.
"""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from pipelines.errors.leftovers import part_name, remove_leftovers
from pipelines.images.seen import dilate_lines, resize_square, to_edges, to_gray, xdog_of_floats
from pipelines.issue_splits import left_out_panels
from pipelines.lake import DamagedFileError, Lake, atomic_write, digest_of, issue_key, natural_key
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.panels.pixels import panel_batches
from pipelines.params import SPLITS, VariantParams
from pipelines.terms.dropped import read_dropped

Kind = Literal["color", "gray", "edge", "line"]
KINDS: tuple[Kind, ...] = get_args(Kind)

XDOG_SIGMAS_PX = (0.3, 0.4, 0.5)
DILATE_KERNELS_PX = (4, 5)
LINE_STYLES = tuple(f"xdog_{sigma}" for sigma in XDOG_SIGMAS_PX) + tuple(
    f"dilate_{kernel}" for kernel in DILATE_KERNELS_PX
)
"""The second axis of line arrays, in this order."""

STYLES: dict[str, tuple[str, ...]] = {"color": ("color",), "gray": ("gray",), "edge": ("canny",), "line": LINE_STYLES}
"""The names of the pictures that each kind holds per panel."""

ROW_COLUMNS = ["panel_id", "title", "issue", "sha256", "licence", "attribution"]
ROW_SCHEMA = pa.schema([PANEL_SCHEMA.field(name) for name in ROW_COLUMNS])

BATCH_PICTURES = 16
"""Pictures of which one thread derives others at a time."""

HASHED_PICTURES = 64
"""Pictures that are hashed at a time: 12 MB of colour at 256 px."""


def derive(kind: str, pictures: np.ndarray, params: VariantParams) -> np.ndarray:
    """All styles of one kind (`gray`, `edge` or `line`): (N, R, R, 3) uint8 RGB -> (N, S, R, R) uint8."""
    if kind not in KINDS[1:]:
        raise ValueError(f"variant {kind!r}: expected one of {', '.join(KINDS[1:])}")
    derived = np.empty((len(pictures), len(STYLES[kind]), *pictures.shape[1:3]), np.uint8)
    if kind == "gray":
        for rgb, styles in zip(pictures, derived, strict=True):
            styles[0] = to_gray(rgb)
    elif kind == "edge":
        for rgb, styles in zip(pictures, derived, strict=True):
            styles[0] = to_edges(rgb, params.canny_low, params.canny_high, params.canny_aperture)
    else:
        # One set of buffers for all pictures: fresh memory for every blur costs as much as the blur.
        floats, small, large = (np.empty(pictures.shape[1:], np.float32) for _ in range(3))
        for rgb, styles in zip(pictures, derived, strict=True):
            floats[:] = rgb
            xdog = [xdog_of_floats(floats, sigma, small, large) for sigma in XDOG_SIGMAS_PX]
            styles[:] = xdog + [dilate_lines(rgb, kernel) for kernel in DILATE_KERNELS_PX]
    return derived


@dataclass(frozen=True)
class VariantReport:
    """The result of `build_variant`."""

    kind: str
    split: str
    digest: str
    """Digest of everything that the arrays were made from: the data version."""
    pictures: int
    pictures_by_title: dict[str, int]
    resolutions: list[int]
    size_bytes: int
    """Size of the arrays."""
    unchanged: bool
    """Nothing was computed: the folder was there."""


def build_variant(
    kind: str, split: str, lake: Lake, params: VariantParams, *, cache: Path | None = None
) -> VariantReport:
    """The arrays of one kind (`color`, `gray`, `edge` or `line`) for the kept panels of a split's issues.

    Order: title, issue (natural), panel. Builds the colour first where it is not there yet. A split without pictures
    gives arrays of length 0. `cache` is a local folder for copies of the colour arrays; only a remote lake needs it.
    Raises ValueError where tables do not fit together, FileNotFoundError where an earlier stage is missing.
    """
    if kind not in KINDS:
        raise ValueError(f"variant {kind!r}: expected one of {', '.join(KINDS)}")
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    panels = _kept_panels(split, lake)
    rows = pa.concat_tables([ROW_SCHEMA.empty_table(), *(table.select(ROW_COLUMNS) for table in panels.values())])
    made_from: dict[str, Any] = {"rows": digest_of(rows.to_pylist()), "resolutions": params.resolutions}
    color = _store("color", split, lake, rows, made_from, _color_batches(panels, lake, params.resolutions))
    if kind == "color":
        return color
    made_from = {"color": color.digest, "resolutions": params.resolutions}
    if kind == "edge":
        made_from |= params.model_dump(include={"canny_low", "canny_high", "canny_aperture"})
    return _store(kind, split, lake, rows, made_from, _derived_batches(kind, split, color.digest, lake, params, cache))


def read_manifest(lake: Lake, kind: str, split: str, digest: str | None = None) -> dict[str, Any]:
    """The manifest of one kind and split, with its `digest`: of the current arrays, or of those of a digest.

    Raises FileNotFoundError that names the asset to materialize, and Withdrawn.
    """
    try:
        digest = digest or str(lake.read_json(lake.variants(kind) / f"{split}.json")["digest"])
        require_not_withdrawn(lake, lake.variants(kind) / digest)
        return {**lake.read_json(lake.variants(kind) / digest / "manifest.json"), "digest": digest}
    except FileNotFoundError as error:
        asset = "gray_panels" if kind == "color" else f"{kind}_panels"
        raise FileNotFoundError(
            f"no {kind} arrays of split {split}: materialize {asset} of partition {split} "
            f"(tintoon run {asset}): {error}"
        ) from None


def open_array(lake: Lake, manifest: dict[str, Any], side_px: int, cache: Path | None = None) -> np.ndarray:
    """One array of a manifest, memory-mapped and read-only; from a copy below `cache` where the lake is remote.

    All of it is read once, to compare its pixels with the SHA-256 of the manifest.
    Raises ValueError where the lake is remote and no `cache` is given, or where the array is not as the manifest says
    (DamagedFileError where its bytes are damaged).
    """
    folder = lake.variants(manifest["kind"]) / manifest["digest"]
    require_not_withdrawn(lake, folder)
    entry = manifest["arrays"][str(side_px)]
    path = folder / entry["file"]
    asset = "gray_panels" if manifest["kind"] == "color" else f"{manifest['kind']}_panels"
    remedy = f"delete its folder and build again (tintoon run {asset} training_set)"
    try:
        array = np.load(_local_copy(path, cache), mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such array: {remedy}") from None
    except (ValueError, EOFError) as error:
        raise DamagedFileError(f"{path}: damaged, no whole array ({error}): {remedy}") from None
    if list(array.shape) != entry["shape"] or array.dtype != np.uint8:
        raise ValueError(f"{path}: {array.dtype} {array.shape}, not uint8 {entry['shape']}: {remedy}")
    if _pixels_digest(array) != entry["sha256"]:
        if not isinstance(path, Path):
            _local_copy(path, cache).unlink()  # the copy may be what is damaged: the next run fetches another
        raise DamagedFileError(f"{path}: damaged, its pixels are not those that were written: {remedy}")
    return array


def _pixels_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's pixels, which are read in blocks."""
    digest = sha256()
    for start in range(0, len(array), HASHED_PICTURES):
        digest.update(np.ascontiguousarray(array[start : start + HASHED_PICTURES]).data)
    return digest.hexdigest()


class Withdrawn(ValueError):
    """Arrays held pictures that were dropped for good, and are gone. The message says when, why, and what to do."""


def withdraw(lake: Lake, kind: str, digest: str, why: str) -> int:
    """Removes the arrays of a digest; their rows and their manifest, marked, stay. Returns the bytes removed."""
    folder = lake.variants(kind) / digest
    manifest = lake.read_json(folder / "manifest.json")
    lake.write_json(folder / "manifest.json", {**manifest, "withdrawn": why})  # first: what is left is not trusted
    arrays = [*folder.glob("*.npy")]
    size = sum(path.stat().st_size for path in arrays)
    for path in arrays:
        path.unlink()
    return size


def require_not_withdrawn(lake: Lake, folder: UPath) -> None:
    """Raises Withdrawn for a folder of arrays that are gone, DamagedFileError for a damaged manifest."""
    path = folder / "manifest.json"
    why = lake.read_json(path).get("withdrawn") if path.exists() else None
    if why:
        raise Withdrawn(
            f"{folder}: its arrays are gone, they held pictures that were {why}; freeze a training set without them: "
            "tintoon run panels unique_panels issue_splits gray_panels edge_panels line_panels training_set"
        )


def _local_copy(path: UPath, cache: Path | None) -> Path:
    if isinstance(path, Path):
        return path
    if cache is None:
        raise ValueError(f"{path}: a remote lake's arrays are read from local copies: give a cache folder")
    # Folders are named by content, so a copy is never out of date.
    copy = cache.joinpath(*path.parts[-3:])
    if not copy.exists() or copy.stat().st_size != path.stat().st_size:
        with atomic_write(copy) as temporary:
            path.fs.get_file(path.path, str(temporary))
    return copy


def _kept_panels(split: str, lake: Lake) -> dict[str, pa.Table]:
    """By issue key, in order: the rows (no pictures) of the kept panels of a split's issues."""
    for path, asset in ((lake.issue_splits, "issue_splits"), (lake.unique_panels, "unique_panels")):
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such table: materialize {asset}")
    kept: dict[tuple[str, str], dict[str, str]] = {}
    left_out = left_out_panels(lake)
    for row in lake.read_table(lake.unique_panels, ["title", "issue", "panel_id", "sha256", "kept"]).to_pylist():
        if row["kept"] and row["panel_id"] not in left_out:
            kept.setdefault((row["title"], row["issue"]), {})[row["panel_id"]] = row["sha256"]
    issues = [row for row in lake.read_table(lake.issue_splits).to_pylist() if row["split"] == split]
    panels = {}
    for row in sorted(issues, key=lambda row: (row["title"], natural_key(row["issue"]), row["issue"])):
        key = issue_key(row["title"], row["issue"])
        expected = kept.get((row["title"], row["issue"]), {})
        if not expected:  # of a dropped issue there may be no table any more
            continue
        table = lake.read_table(lake.panels(key), ["panel", *ROW_COLUMNS])
        table = table.filter(pa.array([panel_id in expected for panel_id in table["panel_id"].to_pylist()], pa.bool_()))
        numbers = table["panel"].to_pylist()
        if dict(zip(table["panel_id"].to_pylist(), table["sha256"].to_pylist(), strict=True)) != expected:
            raise ValueError(f"{key}: its panels changed after unique_panels was made: materialize unique_panels again")
        if numbers != sorted(numbers):
            raise ValueError(f"{lake.panels(key)}: panels are not in order: materialize panels of {key} again")
        panels[key] = table
    return panels


def _color_batches(panels: dict[str, pa.Table], lake: Lake, resolutions: list[int]) -> Iterator[list[np.ndarray]]:
    """Batches of colour, (n, R, R, 3) at each resolution. Decodes nothing until it is asked."""

    def color(panel: tuple[str, np.ndarray]) -> list[np.ndarray]:
        return [resize_square(panel[1], side) for side in resolutions]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for key, table in panels.items():
            for batch in panel_batches(lake, key, table["panel_id"].to_pylist(), each=pool.map):
                yield [np.stack(pictures) for pictures in zip(*pool.map(color, batch), strict=True)]


def _derived_batches(
    kind: str, split: str, color_digest: str, lake: Lake, params: VariantParams, cache: Path | None
) -> Iterator[list[np.ndarray]]:
    """Batches of a kind, (n, S, R, R) at each resolution, from the colour arrays of a digest.

    Not from the current ones: another run, with other settings, may have changed which those are.
    """
    manifest = read_manifest(lake, "color", split, color_digest)
    colors = [open_array(lake, manifest, side, cache) for side in params.resolutions]
    starts = range(0, manifest["pictures"], BATCH_PICTURES)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(starts), workers):  # so that no more than one batch a worker waits in memory
            yield from pool.map(
                lambda start: [derive(kind, color[start : start + BATCH_PICTURES], params) for color in colors],
                starts[first : first + workers],
            )


def _store(
    kind: str, split: str, lake: Lake, rows: pa.Table, made_from: dict[str, Any], batches: Iterator[list[np.ndarray]]
) -> VariantReport:
    """Writes the arrays, unless there is a folder made from the same, and makes them the current ones."""
    digest = digest_of({"kind": kind, "split": split, "code_version": VariantParams.code_version, **made_from})
    folder = lake.variants(kind) / digest
    unchanged = (folder / "manifest.json").exists()
    if unchanged and not _is_whole(lake, folder, rows):
        read_dropped(lake).require_none_of(rows.to_pylist(), str(folder))  # or what was dropped was let in again
        folder.fs.rm(folder.path, recursive=True)
        unchanged = False
    if not unchanged:
        with _atomic_folder(folder) as temporary:
            arrays = _write_arrays(temporary, kind, split, len(rows), made_from["resolutions"], batches)
            pq.write_table(rows, temporary / "rows.parquet", compression="zstd")
            manifest = {
                "kind": kind,
                "split": split,
                "pictures": len(rows),
                "pictures_by_title": dict(Counter(rows["title"].to_pylist())),
                "styles": list(STYLES[kind]),
                "arrays": arrays,
                "rows_digest": digest_of(rows.to_pylist()),
                "made_from": made_from,
                "code_version": VariantParams.code_version,
                "opencv_version": cv2.__version__,
            }
            (temporary / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    lake.write_json(lake.variants(kind) / f"{split}.json", {"digest": digest})
    manifest = read_manifest(lake, kind, split, digest)
    return VariantReport(
        kind=kind,
        split=split,
        digest=digest,
        pictures=manifest["pictures"],
        pictures_by_title=manifest["pictures_by_title"],
        resolutions=made_from["resolutions"],
        size_bytes=sum(prod(array["shape"]) for array in manifest["arrays"].values()),
        unchanged=unchanged,
    )


def _is_whole(lake: Lake, folder: UPath, rows: pa.Table) -> bool:
    """False for a folder of arrays that were withdrawn, or of which a file is missing or damaged.

    Of a remote lake, whose store keeps sums of its own, only the manifest and the rows are read.
    """
    try:
        manifest = lake.read_json(folder / "manifest.json")
        if "withdrawn" in manifest or not lake.read_table(folder / "rows.parquet").equals(rows):
            return False
        if isinstance(folder, Path):
            for side in manifest["arrays"]:
                open_array(lake, {"kind": folder.parent.name, "digest": folder.name, **manifest}, int(side))
    except (FileNotFoundError, ValueError):  # damaged, or not as the manifest says
        return False
    return True


def _write_arrays(
    folder: Path, kind: str, split: str, count: int, resolutions: list[int], batches: Iterator[list[np.ndarray]]
) -> dict[str, dict[str, Any]]:
    """Streams batches into one .npy file per resolution: file, shape and SHA-256 of the pixels, by resolution."""
    hashes = [sha256() for _ in resolutions]
    files = [f"{split}_{side}.npy" for side in resolutions]
    shapes = [
        (count, side, side, 3) if kind == "color" else (count, len(STYLES[kind]), side, side) for side in resolutions
    ]
    written = 0
    with ExitStack() as stack:
        outputs = [stack.enter_context((folder / file).open("wb")) for file in files]
        for output, shape in zip(outputs, shapes, strict=True):
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(output, header)
        for batch in batches:
            written += len(batch[0])
            for output, pixels, hasher in zip(outputs, batch, hashes, strict=True):
                output.write(pixels.data)
                hasher.update(pixels.data)
    if written != count:
        raise ValueError(
            f"{kind} arrays of split {split}: {written} pictures for {count} rows: a table changed meanwhile; run again"
        )
    return {
        str(side): {"file": file, "shape": list(shape), "sha256": hasher.hexdigest()}
        for side, file, shape, hasher in zip(resolutions, files, shapes, hashes, strict=True)
    }


@contextmanager
def _atomic_folder(folder: UPath) -> Iterator[Path]:
    """A local folder to write to, which becomes `folder` as a whole when the block ends without an error."""
    if isinstance(folder, Path):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent, ".*.part")
        temporary = folder.with_name(part_name(folder.name))
        temporary.mkdir()
        try:
            yield temporary
            _put(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        yield temporary
        # The manifest comes last: without it, the folder counts as not there.
        for file in sorted(temporary.iterdir(), key=lambda file: file.name == "manifest.json"):
            folder.fs.put_file(str(file), (folder / file.name).path)


def _put(temporary: Path, folder: Path) -> None:
    """Renames a whole folder. Where another run was faster, its folder stays: what has one digest is the same."""
    try:
        temporary.replace(folder)
    except OSError as error:
        if (folder / "manifest.json").exists():
            return
        if folder.exists():
            raise FileExistsError(
                f"{folder}: has no manifest.json, so it is not whole; remove it, run again"
            ) from error
        raise
