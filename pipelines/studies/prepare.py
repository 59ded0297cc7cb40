"""A planned study of the pictures of several colorizers: chosen, made equal in form, and stored.

Pictures come from a folder, one subfolder a method:

    <method>/<picture>.png   any format; the methods' pictures of one name belong together
    truth/<picture>.png      for the checks: shown against its gray copy
    given/<picture>.png      where raters are to see beside it what was to be colored, with its hints
    pictures.csv             picture,title,genre: what the choice is balanced over; without it the title is what
                             stands before "__" in a name, as in a panel's, and there is one genre

or from colorizers, which colour the test split of a training set.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.images.formats import is_picture_start, reason_against, start_of
from pipelines.images.sheets import to_png
from pipelines.studies.plan import TRUTH, Candidate, PlanParams, choose_pictures
from pipelines.studies.store import StudyStore
from pipelines.studies.study import Gold, Shown, Study

if TYPE_CHECKING:
    from pipelines.colorize.picture import Colorizer
    from pipelines.pairs import Pairs
    from pipelines.training_set import TrainingSet

GIVEN, TABLE = "given", "pictures.csv"


class Pictures(Protocol):
    """The source of a study's pictures. A picture is uint8 RGB (H, W, 3)."""

    @property
    def methods(self) -> dict[str, str]:
        """The methods compared, and the origin of each one's pictures."""
        ...

    def candidates(self) -> list[Candidate]:
        """The pictures that are there by every method."""
        ...

    def by_method(self, method: str, picture: str) -> np.ndarray:
        """A picture by a method."""
        ...

    def truth(self, picture: str) -> np.ndarray | None:
        """A picture as its author coloured it, or None where that is not known."""
        ...

    def given(self, picture: str) -> np.ndarray | None:
        """The picture that raters see beside, or None."""
        ...


def plan_study(store: StudyStore, name: str, params: PlanParams, pictures: Pictures) -> Study:
    """Chooses pictures and stores the study.

    All are stored as PNG without metadata, and those of one picture have one size, so that no form tells a method.
    Golds are made of pictures that are not rated, as far as there are any. Raises ValueError that names what is
    missing and what to do.
    """
    known = pictures.candidates()
    ordered = choose_pictures(known, len(known), seed=params.seed)
    chosen = choose_pictures(known, params.pictures, seed=params.seed)
    golds = []
    for candidate in ordered[params.pictures :] + chosen:
        if len(golds) == params.golds:
            break
        truth = pictures.truth(candidate.picture)
        if truth is not None:
            gray = gray_to_rgb(rgb_to_gray(truth))
            golds.append(Gold(candidate, to_png(truth), to_png(gray), _png(pictures.given(candidate.picture))))
    if len(golds) < params.golds:
        raise ValueError(
            f"{name}: {len(golds)} pictures have a truth to tell from gray, {params.golds} wanted: "
            f"add a folder {TRUTH!r}, or plan without golds"
        )
    shown = []
    for candidate in chosen:
        outputs = {method: pictures.by_method(method, candidate.picture) for method in pictures.methods}
        sizes = {method: output.shape[:2] for method, output in outputs.items()}
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{width} x {height} by {method}" for method, (height, width) in sizes.items())
            raise ValueError(f"{name}: {candidate.picture} is {found}: a size would reveal the method; make them equal")
        encoded = {method: to_png(output) for method, output in outputs.items()}
        shown.append(Shown(candidate, encoded, _png(pictures.given(candidate.picture))))
    return store.plan(name, params, shown, golds, pictures.methods)


@dataclass(frozen=True, eq=False)
class FolderPictures:
    """Pictures of a folder, as the module says."""

    folder: Path
    chosen: Sequence[str] = ()
    """Methods, by their subfolders; all where none is named."""
    _listed: dict[str, dict[str, Path]] = field(default_factory=dict, init=False, repr=False)

    @property
    def methods(self) -> dict[str, str]:
        """Subfolders. Raises FileNotFoundError or ValueError that names the folder."""
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder}: no such folder")
        there = sorted(path.name for path in self.folder.iterdir() if path.is_dir() and path.name not in (TRUTH, GIVEN))
        for method in self.chosen:
            if method not in there:
                raise ValueError(f"{self.folder}: no folder {method!r}; there are: {', '.join(there) or 'none'}")
        if not there:
            raise ValueError(f"{self.folder}: no subfolders; expected one of pictures for each method")
        return {method: f"folder {method}" for method in self.chosen or there}

    def candidates(self) -> list[Candidate]:
        """Names without suffix that every method has. Raises ValueError where the table lacks one."""
        names = sorted(set.intersection(*(set(self._files(method)) for method in self.methods)))
        table = self._table()
        if table is None:
            return [Candidate(name, name.partition("__")[0] if "__" in name else "", "") for name in names]
        missing = [name for name in names if name not in table]
        if missing:
            raise ValueError(f"{self.folder / TABLE}: no line for {missing[0]} ({len(missing)} are missing); add it")
        return [table[name] for name in names]

    def by_method(self, method: str, picture: str) -> np.ndarray:
        """Raises ValueError where the file is no whole picture."""
        return _read(self._files(method)[picture])

    def truth(self, picture: str) -> np.ndarray | None:
        """The truth of a picture, of the folder `truth`."""
        return self._optional(TRUTH, picture)

    def given(self, picture: str) -> np.ndarray | None:
        """The given picture, of the folder `given`."""
        return self._optional(GIVEN, picture)

    def _optional(self, folder: str, picture: str) -> np.ndarray | None:
        path = self._files(folder).get(picture)
        return None if path is None else _read(path)

    def _files(self, folder: str) -> dict[str, Path]:
        """Pictures by name. Raises ValueError where two have one name, or one is of a format that is not read."""
        if folder not in self._listed:
            found: dict[str, Path] = {}
            path = self.folder / folder
            for file in sorted(path.iterdir()) if path.is_dir() else ():
                if not file.is_file():
                    continue
                start = start_of(file)
                if reason := reason_against(start, suffix=file.suffix):
                    raise ValueError(f"{file}: {reason}")
                if not is_picture_start(start):
                    continue
                if file.stem in found:
                    raise ValueError(f"{file}: {found[file.stem].name} has the same name; keep one")
                found[file.stem] = file
            self._listed[folder] = found
        return self._listed[folder]

    def _table(self) -> dict[str, Candidate] | None:
        path = self.folder / TABLE
        if not path.exists():
            return None
        with path.open(encoding="utf-8", newline="") as opened:
            reader = csv.DictReader(opened)
            if set(reader.fieldnames or ()) != {"picture", "title", "genre"}:
                raise ValueError(f"{path}: expected the columns picture,title,genre in its first line")
            return {row["picture"]: Candidate(**row) for row in reader}


@dataclass(frozen=True, eq=False)
class ColoredPictures:
    """The test split of a training set, as colorizers colour it: no hints, each line style's first."""

    colorizers: Mapping[str, "Colorizer"]
    """The pictures by method."""
    digests: Mapping[str, str]
    """The digest of each method's checkpoint."""
    training_set: "TrainingSet"

    @property
    def methods(self) -> dict[str, str]:
        """Recipes."""
        return {method: f"checkpoint {self.digests[method]}" for method in self.colorizers}

    def candidates(self) -> list[Candidate]:
        """Every panel of the test split."""
        pairs = self._pairs["gray"]
        return [Candidate(panel, title, "") for panel, title in zip(pairs.panel_ids, pairs.titles, strict=True)]

    def by_method(self, method: str, picture: str) -> np.ndarray:
        """At the training set's largest resolution."""
        colorizer = self.colorizers[method]
        pairs = self._pairs[colorizer.variant]
        place = pairs.panel_ids.index(picture)
        return colorizer.colorize(np.asarray(pairs.variant[place, 0]), title=pairs.titles[place])

    def truth(self, picture: str) -> np.ndarray:
        """The panel itself."""
        pairs = self._pairs["gray"]
        return np.asarray(pairs.color[pairs.panel_ids.index(picture)])

    def given(self, picture: str) -> None:
        """Nothing: methods that see gray pictures and methods that see lines may be compared."""

    @cached_property
    def _pairs(self) -> dict[str, "Pairs"]:
        side = max(self.training_set.resolutions)
        variants = {"gray", *(colorizer.variant for colorizer in self.colorizers.values())}
        return {variant: self.training_set.pairs("test", variant, side) for variant in variants}


def _read(path: Path) -> np.ndarray:
    return decode_picture(path.read_bytes(), name=str(path))


def _png(picture: np.ndarray | None) -> bytes | None:
    return None if picture is None else to_png(picture)
