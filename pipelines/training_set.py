"""Stage 6, variants -> one frozen training set: the arrays that a training reads, fingerprinted and described.

Reads the manifests and rows of the current colour, gray, edge and line arrays of train, val and test, and the
decisions of `unique_panels.parquet`; writes

    training_set.json                        the current training set
    training_sets/<fingerprint>.json, .md    every training set ever made: its manifest, its datasheet for people

The fingerprint is a digest of the arrays' pixels and of the rows behind them: the same pictures in the same order
have the same fingerprint, wherever and whenever they were made. Pixels are not copied: the manifest points at the
variants' folders, which never change.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.images.seen import resize_square
from pipelines.issue_splits import left_out_panels
from pipelines.lake import DamagedFileError, Lake, digest_of
from pipelines.pairs import Pairs
from pipelines.params import SPLITS, TrainingSetParams, VariantParams
from pipelines.terms.dropped import read_dropped
from pipelines.terms.terms import Terms
from pipelines.variants import KINDS, derive, open_array, read_manifest


@dataclass(frozen=True)
class TrainingSetReport:
    """The result of `build_training_set`."""

    fingerprint: str
    pictures: dict[str, int]
    """By split."""
    resolutions: list[int]
    datasheet: dict[str, Any]
    markdown: str
    """The datasheet for people."""
    unchanged: bool
    """This very training set was the current one already."""


def build_training_set(
    lake: Lake,
    params: TrainingSetParams,
    *,
    sources: Mapping[str, str] | None = None,
    terms: Terms | None = None,
) -> TrainingSetReport:
    """Freezes the current arrays of all kinds and splits as the current training set.

    sources: the kind of place that each title comes from, for the datasheet. terms: what may be learned from now; None
    refuses nothing.
    Raises FileNotFoundError where arrays are missing, ValueError where they do not fit together (made from other
    colour, other resolutions, or the same panel in two splits), where they hold what was dropped or what the terms
    refuse, or where train holds too few panels.
    """
    manifests = {(kind, split): read_manifest(lake, kind, split) for kind in KINDS for split in SPLITS}
    rows = {split: _rows(lake, manifests["color", split]) for split in SPLITS}
    _require_one_origin(manifests)
    _require_separate_splits(rows)
    dropped = read_dropped(lake)
    for split, table in rows.items():
        dropped.require_none_of(table.to_pylist(), f"the current arrays of split {split}")
    if terms:
        _require_terms(rows, terms)
    if len(rows["train"]) < params.min_train_panels:
        raise ValueError(_too_few(lake, len(rows["train"]), params.min_train_panels))
    arrays = {
        f"{kind}/{split}": {"digest": manifest["digest"], "arrays": manifest["arrays"]}
        for (kind, split), manifest in manifests.items()
    }
    rows_digests = {split: manifests["color", split]["rows_digest"] for split in SPLITS}
    fingerprint = _fingerprint(arrays, rows_digests)
    datasheet = _datasheet(lake, fingerprint, manifests, rows, sources or {})
    manifest = {
        "fingerprint": fingerprint,
        "code_version": TrainingSetParams.code_version,
        "resolutions": manifests["color", "train"]["made_from"]["resolutions"],
        "edge_settings": datasheet["edge_settings"],
        "arrays": arrays,
        "rows_digests": rows_digests,
        "datasheet": datasheet,
    }
    markdown = datasheet_markdown(datasheet)
    unchanged = lake.training_set.exists() and lake.read_json(lake.training_set) == manifest
    lake.write_bytes(lake.frozen_training_set(fingerprint).with_suffix(".md"), markdown.encode())
    lake.write_json(lake.frozen_training_set(fingerprint), manifest)
    lake.write_json(lake.training_set, manifest)
    return TrainingSetReport(
        fingerprint=fingerprint,
        pictures={split: len(table) for split, table in rows.items()},
        resolutions=manifest["resolutions"],
        datasheet=datasheet,
        markdown=markdown,
        unchanged=unchanged,
    )


class TrainingSet:
    """A frozen training set, opened for reading. Arrays stay on disk: they are memory-mapped."""

    def __init__(self, lake: Lake, manifest: dict[str, Any], cache: Path | None) -> None:
        self._lake = lake
        self._manifest = manifest
        self._cache = cache
        self._opened: dict[tuple[str, str, int], np.ndarray] = {}

    @classmethod
    def open(cls, lake: Lake, fingerprint: str | None = None, *, cache: Path | None = None) -> "TrainingSet":
        """The current training set, or the one of a fingerprint. A remote lake needs `cache`, a local folder.

        Raises FileNotFoundError that names the missing one, and DamagedFileError.
        """
        path = lake.training_set if fingerprint is None else lake.frozen_training_set(fingerprint)
        try:
            manifest = lake.read_json(path)
        except FileNotFoundError:
            remedy = (
                "materialize training_set" if fingerprint is None else "it was never made in this lake, or was removed"
            )
            raise FileNotFoundError(f"{path}: no such training set: {remedy}") from None
        if _fingerprint(manifest["arrays"], manifest["rows_digests"]) != manifest["fingerprint"]:
            raise DamagedFileError(
                f"{path}: damaged, its fingerprint is not that of what it lists; remove it, then make it again: "
                "tintoon run training_set"
            )
        return cls(lake, manifest, cache)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the pictures and of the rows behind them."""
        return self._manifest["fingerprint"]

    @property
    def datasheet(self) -> dict[str, Any]:
        """Titles, licences, counts, drops and settings."""
        return self._manifest["datasheet"]

    @property
    def resolutions(self) -> list[int]:
        """The stored resolutions, small to large; `pairs` reduces these to smaller ones."""
        return self._manifest["resolutions"]

    def pairs(self, split: str, variant: str = "gray", resolution: int = 256) -> Pairs:
        """The pictures of a split (`train`, `val`, `test`) and what a colorizer sees (`gray`, `edge`, `line`).

        Stored resolutions are memory-mapped. Others are made in memory from the next larger stored one: the colour
        reduced by area, the variant computed from the reduced colour, as if it had been stored.
        Raises ValueError for an unknown split or variant, for a resolution above all stored ones, and for pictures that
        were dropped for good, also by a drop that was interrupted before it removed them.
        """
        if split not in SPLITS:
            raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
        if variant not in KINDS[1:]:
            raise ValueError(f"variant {variant!r}: expected one of {', '.join(KINDS[1:])}")
        stored = self._stored_resolution(resolution)
        color = self._array("color", split, stored)
        if stored == resolution:
            pictures = self._array(variant, split, stored)
        else:
            reduced = np.empty((len(color), resolution, resolution, 3), np.uint8)
            for index, rgb in enumerate(color):
                reduced[index] = resize_square(rgb, resolution)
            color = reduced
            pictures = derive(
                variant, color, VariantParams(resolutions=[resolution], **self._manifest["edge_settings"])
            )
        rows = self._rows[split]
        read_dropped(self._lake).require_none_of(rows.to_pylist(), f"training set {self.fingerprint[:12]}")
        return Pairs(
            color=color,
            variant=pictures,
            panel_ids=tuple(rows["panel_id"].to_pylist()),
            titles=tuple(rows["title"].to_pylist()),
        )

    def digests(self, split: str) -> dict[str, str]:
        """SHA-256 of the pixels of each panel of a split, by panel_id."""
        rows = self._rows[split]
        return dict(zip(rows["panel_id"].to_pylist(), rows["sha256"].to_pylist(), strict=True))

    def test_fingerprint(self, resolution: int = 256, max_pictures: int | None = None, *, metrics_version: str) -> str:
        """SHA-256 of the test pictures, as a part of the fingerprint of every benchmark on them.

        That is the rows of the test split, its arrays of all kinds, the resolution, the limit on pictures where it
        leaves some out, and the version of the metrics (`BenchmarkParams.code_version`).
        """
        stored = str(self._stored_resolution(resolution))
        entries = {kind: self._manifest["arrays"][f"{kind}/test"]["arrays"][stored] for kind in KINDS}
        pictures = entries["color"]["shape"][0]
        return digest_of(
            {
                "rows": self._manifest["rows_digests"]["test"],
                "arrays": {kind: entry["sha256"] for kind, entry in entries.items()},
                "resolution": resolution,
                "pictures": min(pictures, max_pictures or pictures),
                "metrics": metrics_version,
            }
        )

    def _stored_resolution(self, resolution: int) -> int:
        enough = [side for side in self.resolutions if side >= resolution]
        if resolution < 16 or not enough:
            stored = ", ".join(map(str, self.resolutions))
            raise ValueError(
                f"resolution {resolution}: stored are {stored}; anything from 16 up to the largest is possible, "
                "for more add it to the variants' `resolutions` and materialize them again"
            )
        return min(enough)

    def _array(self, kind: str, split: str, side_px: int) -> np.ndarray:
        key = (kind, split, side_px)
        if key not in self._opened:  # opening compares every pixel with its digest: once
            entry = {"kind": kind, **self._manifest["arrays"][f"{kind}/{split}"]}
            self._opened[key] = open_array(self._lake, entry, side_px, self._cache)
        return self._opened[key]

    @cached_property
    def _rows(self) -> dict[str, pa.Table]:
        found = {}
        for split in SPLITS:
            entry = {"kind": "color", **self._manifest["arrays"][f"color/{split}"]}
            found[split] = _rows(self._lake, entry)
            if digest_of(found[split].to_pylist()) != self._manifest["rows_digests"][split]:
                path = self._lake.variants("color") / entry["digest"] / "rows.parquet"
                raise DamagedFileError(
                    f"{path}: damaged, its rows are not those of the training set; make it again: "
                    "tintoon run gray_panels training_set"
                )
        return found


def _fingerprint(arrays: dict[str, Any], rows_digests: dict[str, str]) -> str:
    hashes = {
        f"{name}/{side}": array["sha256"] for name, entry in arrays.items() for side, array in entry["arrays"].items()
    }
    return digest_of({"arrays": hashes, "rows": rows_digests})


def _rows(lake: Lake, manifest: dict[str, Any]) -> pa.Table:
    return lake.read_table(lake.variants(manifest["kind"]) / manifest["digest"] / "rows.parquet")


def _require_one_origin(manifests: dict[tuple[str, str], dict[str, Any]]) -> None:
    """All kinds of a split come from its current colour; all splits have the same resolutions and settings."""
    for (kind, split), manifest in manifests.items():
        partition = f"materialize {kind}_panels of partition {split} again"
        if kind != "color" and manifest["made_from"]["color"] != manifests["color", split]["digest"]:
            raise ValueError(
                f"{kind} arrays of split {split} were made from other pictures than the current ones: {partition}"
            )
        settings = {name: value for name, value in manifest["made_from"].items() if name not in ("color", "rows")}
        expected = {
            name: value
            for name, value in manifests[kind, "train"]["made_from"].items()
            if name not in ("color", "rows")
        }
        if settings != expected:
            raise ValueError(
                f"{kind} arrays of split {split} were made with {settings}, those of train with {expected}: {partition}"
            )


def _require_separate_splits(rows: dict[str, pa.Table]) -> None:
    """No panel is in two splits: arrays that were made before and after its issue moved disagree about that."""
    split_of: dict[str, str] = {}
    for split, table in rows.items():
        for panel_id in table["panel_id"].to_pylist():
            other = split_of.setdefault(panel_id, split)
            if other != split:
                raise ValueError(
                    f"{panel_id} of split {split} is also in {other}: materialize gray_panels, edge_panels and "
                    "line_panels of all partitions again"
                )


def _require_terms(rows: dict[str, pa.Table], terms: Terms) -> None:
    """Nothing that the terms refuse: arrays that were made before titles.yaml changed hold it still."""
    held = Counter((row["title"], row["licence"]) for table in rows.values() for row in table.to_pylist())
    for (title, licence), pictures in held.items():
        if refusal := terms.refusal(title, licence):
            raise ValueError(
                f"{title}: {pictures} pictures in the current arrays are {refusal} (stored under {licence}): "
                f"{terms.remedy(refusal, title)}; then: tintoon run unique_panels issue_splits gray_panels edge_panels "
                "line_panels training_set"
            )


def _too_few(lake: Lake, found: int, wanted: int) -> str:
    decisions = _decisions(lake)
    reasons = Counter(row["reason"] for row in decisions if row["reason"])
    dropped = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()) or "none"
    return (
        f"train holds {found} panels, at least {wanted} are needed; {len(decisions)} panels are known, "
        f"dropped: {dropped}. Collect more issues, or loosen the filter that drops most: `panels:` settings of the "
        "title (min_side_px, max_side_px)"
    )


def _decisions(lake: Lake) -> list[dict[str, Any]]:
    """Title and reason of every panel; the reason is None where it is kept and in its split."""
    left_out = left_out_panels(lake)
    rows = lake.read_table(lake.unique_panels, ["title", "panel_id", "reason"]).to_pylist()
    return [{"title": row["title"], "reason": row["reason"] or left_out.get(row["panel_id"])} for row in rows]


def _datasheet(
    lake: Lake,
    fingerprint: str,
    manifests: dict[tuple[str, str], dict[str, Any]],
    rows: dict[str, pa.Table],
    sources: Mapping[str, str],
) -> dict[str, Any]:
    """The facts for people who use the pictures. Titles without any kept picture are included."""
    decisions = _decisions(lake)
    pictures = [{"split": split, **row} for split, table in rows.items() for row in table.to_pylist()]
    titles = {}
    for name in sorted({row["title"] for row in decisions} | {row["title"] for row in pictures}):
        own = [row for row in pictures if row["title"] == name]
        dropped = Counter(row["reason"] for row in decisions if row["title"] == name and row["reason"])
        titles[name] = {
            "source": sources.get(name, "not declared any more"),
            "licences": sorted({row["licence"] for row in own}),
            "attributions": sorted({row["attribution"] for row in own}),
            "issues": len({row["issue"] for row in own}),
            "pictures": {split: sum(row["split"] == split for row in own) for split in SPLITS},
            "dropped": dict(sorted(dropped.items())),
        }
    return {
        "fingerprint": fingerprint,
        "pictures": {split: len(table) for split, table in rows.items()},
        "titles": titles,
        "sources": _by_source(titles),
        "resolutions": manifests["color", "train"]["made_from"]["resolutions"],
        "styles": {kind: manifests[kind, "train"]["styles"] for kind in KINDS},
        "edge_settings": _edge_settings(manifests),
        "opencv_version": manifests["color", "train"]["opencv_version"],
    }


def _by_source(titles: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Titles, pictures and licences of each kind of place."""
    found: dict[str, dict[str, Any]] = {}
    for title in titles.values():
        total = found.setdefault(title["source"], {"titles": 0, "pictures": 0, "licences": []})
        total["titles"] += 1
        total["pictures"] += sum(title["pictures"].values())
        total["licences"] = sorted({*total["licences"], *title["licences"]})
    return dict(sorted(found.items()))


def _edge_settings(manifests: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    made_from = manifests["edge", "train"]["made_from"]
    return {name: value for name, value in made_from.items() if name.startswith("canny_")}


def datasheet_markdown(datasheet: dict[str, Any]) -> str:
    """A datasheet as Markdown."""
    titles = datasheet["titles"]
    lines = [
        "# Training set",
        "",
        f"Fingerprint `{datasheet['fingerprint']}`.",
        "",
        "| title | issues | train | val | test | licence | attribution |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, title in titles.items():
        counts = " | ".join(str(title["pictures"][split]) for split in SPLITS)
        terms = f"{', '.join(title['licences'])} | {'; '.join(title['attributions'])}"
        lines.append(f"| {name} | {title['issues']} | {counts} | {terms} |")
    total = " | ".join(str(datasheet["pictures"][split]) for split in SPLITS)
    lines += [f"| all | {sum(title['issues'] for title in titles.values())} | {total} | | |", ""]
    lines += ["## Sources", "", "| source | titles | pictures | licences |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {total['titles']} | {total['pictures']} | {', '.join(total['licences'])} |"
        for name, total in datasheet["sources"].items()
    ]
    lines += ["", "## Dropped panels", ""]
    reasons = sorted({reason for title in titles.values() for reason in title["dropped"]})
    if reasons:
        lines += [f"| title | {' | '.join(reasons)} |", "|---" * (len(reasons) + 1) + "|"]
        for name, title in titles.items():
            lines.append(f"| {name} | {' | '.join(str(title['dropped'].get(reason, 0)) for reason in reasons)} |")
    else:
        lines.append("None.")
    lines += ["", "## Pictures", ""]
    sides = ", ".join(f"{side} x {side}" for side in datasheet["resolutions"])
    lines.append(f"Squashed to {sides} pixels, uint8, OpenCV {datasheet['opencv_version']}.")
    lines.append("")
    for kind, styles in datasheet["styles"].items():
        settings = datasheet["edge_settings"] if kind == "edge" else {}
        lines.append(
            f"- {kind}: {', '.join(styles)}{''.join(f', {name} {value:g}' for name, value in settings.items())}"
        )
    return "\n".join(lines) + "\n"
