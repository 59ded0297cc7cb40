"""The lake: the files of every stage under one root (a folder or any fsspec URL).

    issue_pages/<title>/<issue>.parquet      pages as served, one table per issue
    panels/<title>/<issue>.parquet           panels cut from them, one table per issue
    unique_panels.parquet                    one decision per panel
    issue_splits.parquet                     one split per issue
    picture_splits.parquet                   the split of every picture that ever had one, by its content
    copies.json                              which panels are copies of another split's
    variants/<kind>/<digest>/                arrays of a split, named by their content
    references/<title>/                      an index of a title's coloured panels, to take colours from
    training_set.json                        the current training set, a manifest over those arrays
    trained/<recipe>/<key>/                  the run folder of one training; current.json names the one that counts
    evaluations/<name>/                      benchmark results, also of baselines
    leaderboard.json
    report/                                  the leaderboard as static HTML
    cards/                                   model cards of registered versions
    cross_validations/<recipe>/              results of all folds
    drift.json
    lookalikes.json                          what the check on the splits found
    previews/<stage>/                        pictures of a stage's output for people, one file a partition
    ratings/                                 people's ratings of results, one file a rating
    dropped.json                             what was dropped for good: it does not come back
    dropped/                                 the report of each drop, and a second copy of dropped.json

Tables are Parquet. What a table was made from is kept in its schema metadata (`made_from`), so that a stage
can see that nothing changed. A file appears whole or not at all: it is written under
another name, then renamed.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors.leftovers import part_name
from pipelines.errors.stored_shapes import wrong_shape

if TYPE_CHECKING:  # the definitions and every command import this module: what takes long is imported where it is used
    import pyarrow as pa
    import pyarrow.parquet as pq
    from upath import UPath

TITLE_PATTERN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_TITLE_LENGTH = 80
"""Of new titles: with an issue's name and what is added while a file is written, a file name has 255 bytes at most."""

_MADE_BY = {
    "issue_pages": "issue_pages",
    "panels": "panels",
    "unique_panels": "unique_panels",
    "issue_splits": "issue_splits",
    "references": "references",
    "training_set": "training_set",
    "training_sets": "training_set",
    "trained": "colorizer",
    "evaluations": "evaluation",
    "leaderboard": "leaderboard",
    "cross_validations": "cross_validation",
    "drift": "drift",
    "lookalikes": "issue_splits",
    "picture_splits": "issue_splits",
    "copies": "issue_splits",
    "report": "leaderboard",
}
"""By the first part of a path in the lake, without its ending: the stage that makes it again."""

PICTURES_A_GROUP = 4
"""Rows in a row group of a table of pictures: who reads one picture reads no more than these."""

ROWS_A_GROUP = 65_536
"""Rows in a row group of any other table."""


def image_type() -> "pa.StructType":
    """The type of a column of encoded pictures, as `datasets.Image` reads it."""
    import pyarrow as pa

    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def may_be_in_key(sign: str) -> bool:
    """True for letters and digits of any script, the marks that go with them, ".", "_" and "-"."""
    if sign.isalnum() or sign in "._-":
        return True
    # Marks of Thai, of Indic scripts, of decomposed letters; no variation selectors, which belong to pictograms.
    return unicodedata.category(sign) in ("Mn", "Mc") and not ("\ufe00" <= sign <= "\ufe0f" or sign >= "\U000e0100")


def issue_key(title: str, issue: str) -> str:
    """The partition key `<title>__<issue>`.

    Raises ValueError when either part has a character that a key cannot hold.
    """
    if not TITLE_PATTERN.fullmatch(title):
        raise ValueError(f"title {title!r}: expected small letters, digits and single dashes, e.g. 'pepper-carrot'")
    if not issue or not all(map(may_be_in_key, issue)) or "..." in issue:
        raise ValueError(f"{title}: issue {issue!r}: expected letters, digits, '.', '_' and '-' only")
    return f"{title}__{issue}"


def split_issue_key(key: str) -> tuple[str, str]:
    """`pepper-carrot__ep05` -> (`pepper-carrot`, `ep05`). Raises ValueError when it is no issue key."""
    title, separator, issue = key.partition("__")
    if not separator or not issue:
        raise ValueError(f"{key!r} is no issue key: expected '<title>__<issue>', e.g. 'pepper-carrot__ep05'")
    return title, issue


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `page10` after `page9`: runs of digits compare as numbers, the rest without regard to case."""
    return tuple(
        _number_key(part) if part.isdecimal() else (1, 0, part.casefold()) for part in re.findall(r"\d+|\D+", text)
    )


def _number_key(digits: str) -> tuple[int, int, str]:
    """Compares as the number does, of any length: `int` refuses more than 4,300 digits."""
    digits = "".join(str(unicodedata.digit(digit)) for digit in digits).lstrip("0")
    return 0, len(digits), digits


def digest_of(value: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON-able value: the same content always gives the same digest."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


class DamagedFileError(ValueError):
    """A file is there, and is not what its writer wrote. The message names the file and the remedy."""


def read_json(path: "UPath | Path", *, remedy: str = "put back what was there, or remove it") -> Any:
    """The value in a JSON file. Raises FileNotFoundError, and DamagedFileError, both with the file and a remedy."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; {remedy}") from None
    except (ValueError, RecursionError) as error:  # also of text that is no UTF-8
        raise DamagedFileError(f"{path}: damaged, no JSON ({error}); {remedy}") from None


@contextmanager
def atomic_write(path: "UPath | Path") -> Iterator[Any]:
    """A neighbour of `path` to write to; it takes `path`'s place, at once, when the block ends without an error.

    What a killed process leaves of it is removed by `pipelines.errors.leftovers`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary: Any = path.with_name(part_name(path.name))
    try:
        yield temporary
        if isinstance(path, Path):
            temporary.replace(path)
        else:
            temporary.fs.mv(temporary.path, path.path)
    finally:
        if temporary.exists():
            temporary.unlink()


@contextmanager
def _parquet(path: "UPath", columns: list[str] | None) -> Iterator["pq.ParquetFile"]:
    """A Parquet file, opened for reading, or these columns of it.

    Of a remote file nothing is read ahead, for after four rows come their pictures. Columns are fetched in parts at
    once (`fsspec`'s `cat_ranges`), for each has a few bytes after many pictures.
    """
    import pyarrow.parquet as pq

    remote = not isinstance(path, Path)
    options: Any = {"cache_type": "none"} if remote else {}
    with path.open("rb", **options) as source:
        file = pq.ParquetFile(source, page_checksum_verification=True)
        if not remote or columns is None:
            yield file
            return
        metadata = file.metadata
    options = {"cache_type": "parts", "cache_options": {"data": _fetched(path, metadata, columns)}}
    with path.open("rb", **options) as source:
        yield pq.ParquetFile(source, metadata=metadata, page_checksum_verification=True)


def _fetched(path: "UPath", metadata: "pq.FileMetaData", columns: list[str]) -> dict[tuple[int, int], bytes]:
    """The bytes of some columns of a remote Parquet file, by start and end; parts close together are one."""
    from fsspec.utils import merge_offset_ranges

    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    chunks = [chunk for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns]
    starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
    ends = [start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)]
    places: Any = merge_offset_ranges([path.path] * len(chunks), starts, ends, max_gap=64_000)
    parts = path.fs.cat_ranges(*places, on_error="raise")
    return dict(zip(zip(*places[1:], strict=True), parts, strict=True))


@dataclass(frozen=True)
class Lake:
    """Every path of the lineage, and whole-or-nothing reads and writes below one root."""

    root: "UPath"

    @classmethod
    def at(cls, root: str | Path) -> "Lake":
        """The lake below a folder or an fsspec URL such as `s3://bucket/tintoon`.

        Raises ValueError for a kind of URL that is unknown, or whose package is not installed.
        """
        from upath import UPath

        try:
            place = UPath(root)
            if not isinstance(place, Path):
                _ = place.fs  # opened here, where it is known what it is for
        except (ImportError, ValueError) as error:
            raise ValueError(
                f"{root}: no place for a lake ({error}); name a folder, or a URL such as s3://bucket/folder whose "
                "package is installed (pip install s3fs, gcsfs or adlfs)"
            ) from None
        return cls(place)

    def issue_pages(self, key: str) -> "UPath":
        """The table of the pages of one issue."""
        title, issue = split_issue_key(key)
        return self.root / "issue_pages" / title / f"{issue}.parquet"

    def panels(self, key: str) -> "UPath":
        """The table of the panels of one issue."""
        title, issue = split_issue_key(key)
        return self.root / "panels" / title / f"{issue}.parquet"

    @property
    def unique_panels(self) -> "UPath":
        """The table of decisions, one row a panel."""
        return self.root / "unique_panels.parquet"

    @property
    def issue_splits(self) -> "UPath":
        """The table of splits, one row an issue."""
        return self.root / "issue_splits.parquet"

    @property
    def picture_splits(self) -> "UPath":
        """The table of the pictures that ever had a split: what issues are recognised by under another name."""
        return self.root / "picture_splits.parquet"

    @property
    def copies(self) -> "UPath":
        """The copies across splits, and which panels were compared."""
        return self.root / "copies.json"

    def variants(self, kind: str) -> "UPath":
        """The folder of one kind of variant arrays (`color`, `gray`, `edge`, `line`)."""
        return self.root / "variants" / kind

    def references(self, title: str) -> "UPath":
        """The folder of the index of one title's panels (`pipelines.colorize.title_references`)."""
        return self.root / "references" / title

    @property
    def training_set(self) -> "UPath":
        """The manifest of the current training set."""
        return self.root / "training_set.json"

    def frozen_training_set(self, fingerprint: str) -> "UPath":
        """The manifest of a training set by its fingerprint."""
        return self.root / "training_sets" / f"{fingerprint}.json"

    def trained(self, recipe: str) -> "UPath":
        """The folder of one recipe's checkpoints."""
        return self.root / "trained" / recipe

    def evaluations(self, recipe: str) -> "UPath":
        """The folder of one recipe's benchmark results."""
        return self.root / "evaluations" / recipe

    @property
    def leaderboard(self) -> "UPath":
        """The current leaderboard."""
        return self.root / "leaderboard.json"

    @property
    def drift(self) -> "UPath":
        """The result of the drift check: new issues that look unlike the champion's training set."""
        return self.root / "drift.json"

    @property
    def lookalikes(self) -> "UPath":
        """The result of the check on the splits."""
        return self.root / "lookalikes.json"

    def previews(self, stage: str, partition: str) -> "UPath":
        """The table of pictures that show the output of one partition of a stage."""
        return self.root / "previews" / stage / f"{partition}.parquet"

    @property
    def dropped(self) -> "UPath":
        """What was dropped for good (`pipelines.terms.dropped`)."""
        return self.root / "dropped.json"

    @property
    def dropped_copy(self) -> "UPath":
        """The same again, for no stage makes it anew."""
        return self.drop_reports / "record.json"

    @property
    def drop_reports(self) -> "UPath":
        """The folder of the reports of drops."""
        return self.root / "dropped"

    @property
    def ratings(self) -> "UPath":
        """The folder of people's ratings."""
        return self.root / "ratings"

    def keys_with(self, stage: str) -> list[str]:
        """Keys of the issues that have a table of a stage (`issue_pages` or `panels`), in natural order."""
        tables = (self.root / stage).glob("*/*.parquet")
        return sorted((f"{path.parent.name}__{path.name.removesuffix('.parquet')}" for path in tables), key=natural_key)

    def write_bytes(self, path: "UPath", data: bytes) -> None:
        """Writes a file whole or not at all."""
        with atomic_write(path) as temporary:
            temporary.write_bytes(data)

    def write_json(self, path: "UPath", value: Any) -> None:
        """Writes a JSON file, readable by people, whole or not at all."""
        self.write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())

    def read_json(self, path: "UPath") -> Any:
        """Reads a JSON file, whose shape its place below the lake decides (`pipelines.errors.stored_shapes`).

        Raises FileNotFoundError, and DamagedFileError, with the stage that makes it again.
        """
        value = read_json(path, remedy=self.remedy(path))
        if problem := wrong_shape("/".join(self._parts(path)), value):
            raise DamagedFileError(f"{path}: damaged, not what its writer wrote ({problem}); {self.remedy(path)}")
        return value

    def write_table(self, path: "UPath", table: "pa.Table", *, made_from: str) -> None:
        """Writes a Parquet table whole or not at all, with the digest of what it was made from."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"made_from": made_from.encode()})
        has_pictures = image_type() in table.schema.types
        sink = pa.BufferOutputStream()
        pq.write_table(
            table,
            sink,
            # Encoded pictures do not become smaller, and none is there twice.
            compression="none" if has_pictures else "zstd",
            use_dictionary=not has_pictures,
            row_group_size=PICTURES_A_GROUP if has_pictures else ROWS_A_GROUP,
            write_page_checksum=True,  # a flipped bit in a picture is noticed
        )
        self.write_bytes(path, sink.getvalue().to_pybytes())

    def read_table(self, path: "UPath", columns: list[str] | None = None) -> "pa.Table":
        """Reads a Parquet table, or some columns of it.

        Raises FileNotFoundError, and DamagedFileError, with the stage that makes it again.
        """
        import pyarrow as pa

        # Not by pq.read_table, which loads Arrow's datasets for it: they take longer than most tables.
        with self._reading(path, columns) as file:
            if missing := sorted(set(columns or ()) - set(file.schema_arrow.names)):
                raise pa.ArrowInvalid(f"it has no column {missing[0]!r}")
            table = file.read(columns)
            return table if columns is None else table.select(columns)

    def read_rows(self, path: "UPath", places: Sequence[int], columns: list[str]) -> "pa.Table":
        """Rows of a Parquet table by their places, in the given order; reads only the row groups that hold them.

        Raises what `read_table` raises.
        """
        with self._reading(path) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            ends = list(accumulate(sizes))
            groups = sorted({bisect_right(ends, place) for place in places})
            starts = dict(zip(groups, accumulate([sizes[group] for group in groups], initial=0), strict=False))
            table = file.read_row_groups(groups, columns=columns)
            found = [(bisect_right(ends, place), place) for place in places]
            return table.take([starts[group] + place - (ends[group] - sizes[group]) for group, place in found])

    def columns(self, path: "UPath") -> list[str]:
        """The names of the columns of a Parquet table. Raises FileNotFoundError."""
        with self._reading(path) as file:
            return file.schema_arrow.names

    def made_from(self, path: "UPath") -> str | None:
        """The digest that `write_table` was given, or None where there is no such table, or a damaged one."""
        return self.metadata(path).get(b"made_from", b"").decode() or None

    def metadata(self, path: "UPath") -> dict[bytes, bytes]:
        """The metadata of a table's schema; none where there is no such table, or a damaged one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path.exists():
            return {}
        with path.open("rb") as source:
            try:
                return pq.read_schema(source).metadata or {}
            except (pa.ArrowException, OSError):
                return {}

    def stamp(self, path: "UPath") -> str | None:
        """Tells a file from what was at its path before and will be after; opens nothing. None where there is none.

        Written by `atomic_write`, another file has another stamp. A copy of a lake has other stamps, too.
        """
        try:
            if isinstance(path, Path):
                found = path.stat()
                return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"
            path.fs.invalidate_cache(path.parent.path)  # another process may have written it
            return digest_of(sorted((name, str(value)) for name, value in path.fs.info(path.path).items()))
        except FileNotFoundError:
            return None

    @contextmanager
    def _reading(self, path: "UPath", columns: list[str] | None = None) -> Iterator["pq.ParquetFile"]:
        """A Parquet file, opened for reading, or these columns of it.

        Raises FileNotFoundError and DamagedFileError, with a remedy.
        """
        import pyarrow as pa

        try:
            with _parquet(path, columns) as file:
                yield file
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no such table; {self.remedy(path)}") from None
        except (pa.ArrowException, OSError) as error:  # Arrow also raises OSError for bytes that it cannot understand
            if getattr(error, "errno", None):
                raise
            reason = str(error).splitlines()[0]
            raise DamagedFileError(f"{path}: damaged, no whole table ({reason}); {self.remedy(path)}") from None

    def remedy(self, path: "UPath | Path") -> str:
        """What a person does about a file of the lake that is missing or damaged."""
        parts = self._parts(path)
        if not str(path).startswith(str(self.root)) or parts[0] == "dropped":  # a report: no stage makes it
            return "put back what was there, or remove it"
        if parts[0] == "dropped.json":
            return "put back a copy of it, for without it what was dropped comes back"
        if parts[0] == "variants":
            stage = "gray_panels" if parts[1] == "color" else f"{parts[1]}_panels"
        else:
            stage = _MADE_BY.get(parts[0].partition(".")[0], "all")
        if parts[0] in ("issue_splits.parquet", "picture_splits.parquet"):
            return "put back a copy of it, for splits never move; without one remove it, then tintoon run issue_splits"
        command = "sync" if parts[0] == "catalogue" else f"run {stage}"
        return f"remove what is left of it, then make it again: tintoon {command}"

    def _parts(self, path: "UPath | Path") -> list[str]:
        """The names of a path below the lake's root, or all of them where it lies elsewhere."""
        return str(path).removeprefix(str(self.root)).strip("/\\").replace("\\", "/").split("/")
