"""Folds: the pictures of a frozen training set, dealt anew into train, val and test, so that all of them are tested.

A fold looks like a training set, so training and evaluation take it as one. Nothing is copied: its arrays name rows
of the stored ones, and read, batch by batch, what is asked for. (Only at resolutions that are not stored, which
`TrainingSet.pairs` makes in memory, are the pictures of all splits held, once for all folds.)

    by issue    k-fold over issues, each title's spread over the folds: how small titles are evaluated
    by title    leave-one-title-out: test is a title that training never saw
    by picture  paper 001's shuffle of frames, 8:1:1 with ten folds. It leaks, since consecutive panels are alike: to
                reproduce the paper, and for nothing else
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from hashlib import sha256
from typing import Any, cast

import numpy as np

from pipelines.comparison.params import DEFAULT_FOLDS, FoldParams
from pipelines.lake import digest_of, natural_key, split_issue_key
from pipelines.pairs import Pairs
from pipelines.params import SPLITS
from pipelines.training_set import TrainingSet


class Folds:
    """All folds of a training set: each picture is in the test split of exactly one.

    Fold i tests group i. By issue and by picture it validates on group i + 1 and learns from the others; by title
    it validates on the stored val issues of the other titles, since a colorizer that takes titles can be evaluated
    in training only on titles that it learns.
    """

    def __init__(self, training_set: TrainingSet, params: FoldParams) -> None:
        """Raises ValueError where there are fewer issues, titles or pictures than folds, or too few folds."""
        self.training_set = training_set
        self.params = params
        smallest = min(training_set.resolutions)
        self.panel_ids = {split: training_set.pairs(split, "gray", smallest).panel_ids for split in SPLITS}
        """The names of the stored splits' pictures, by split."""
        self.groups = _groups([panel_id for split in SPLITS for panel_id in self.panel_ids[split]], params)
        """The group of each picture, by panel_id."""
        self._count = max(self.groups.values()) + 1
        self._cached_pairs = cache(training_set.pairs)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> "Fold":
        if not 0 <= index < len(self):
            raise IndexError(f"fold {index}: there are {len(self)}, from 0 on")
        return Fold(self, index)

    def places(self, index: int) -> dict[str, list[tuple[str, int]]]:
        """The stored split and row of each picture, by split of a fold."""
        found: dict[str, list[tuple[str, int]]] = {split: [] for split in SPLITS}
        for stored in SPLITS:
            for row, panel_id in enumerate(self.panel_ids[stored]):
                found[self._split(index, stored, panel_id)].append((stored, row))
        return found

    def stored_pairs(self, split: str, variant: str, resolution: int) -> Pairs:
        """A split as it is stored; what is not memory-mapped is made once for all folds."""
        return self._cached_pairs(split, variant, resolution)

    def _split(self, index: int, stored: str, panel_id: str) -> str:
        group = self.groups[panel_id]
        if group == index:
            return "test"
        is_val = stored == "val" if self.params.by == "title" else group == (index + 1) % len(self)
        return "val" if is_val else "train"


class Fold(TrainingSet):
    """One fold, in place of a training set."""

    def __init__(self, folds: Folds, index: int) -> None:
        self.folds = folds
        self.index = index
        self._places = folds.places(index)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the training set's own, the rule and the fold."""
        return digest_of([FoldParams.code_version, self.folds.training_set.fingerprint, self._described])

    @property
    def resolutions(self) -> list[int]:
        """The resolutions of the training set."""
        return self.folds.training_set.resolutions

    @cached_property
    def datasheet(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The training set's datasheet, with the fold's own counts and its parameters under `fold`."""
        stored = self.folds.training_set.datasheet
        by_title = {split: Counter(_title(panel_id) for panel_id in self._panel_ids(split)) for split in SPLITS}
        titles = {
            name: {**title, "pictures": {split: by_title[split][name] for split in SPLITS}}
            for name, title in stored["titles"].items()
        }
        return {
            **stored,
            "fingerprint": self.fingerprint,
            "pictures": {split: by_title[split].total() for split in SPLITS},
            "titles": titles,
            "fold": self._described,
        }

    def pairs(self, split: str, variant: str = "gray", resolution: int = 256) -> Pairs:
        """The pairs of a training set; arrays are read on access.

        They know shapes, lengths, iteration, indices of rows alone or with more axes, and `np.asarray`.
        """
        if split not in SPLITS:
            raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
        places = self._places[split]
        # At least one split, so that there is a shape even without pictures.
        names = [stored for stored in SPLITS if any(stored == place for place, _ in places)] or [split]
        stored = {name: self.folds.stored_pairs(name, variant, resolution) for name in names}
        parts = np.array([names.index(name) for name, _ in places], np.intp)
        rows = np.array([row for _, row in places], np.intp)
        color = ChosenRows([pairs.color for pairs in stored.values()], parts, rows)
        pictures = ChosenRows([pairs.variant for pairs in stored.values()], parts, rows)
        return Pairs(
            # They stand in for memory-mapped arrays, and read like them.
            color=cast("np.ndarray", color),
            variant=cast("np.ndarray", pictures),
            panel_ids=tuple(stored[name].panel_ids[row] for name, row in places),
            titles=tuple(stored[name].titles[row] for name, row in places),
        )

    def digests(self, split: str) -> dict[str, str]:
        """SHA-256 of the pixels of each panel of a split of this fold, by panel_id."""
        stored = {name: digest for one in SPLITS for name, digest in self.folds.training_set.digests(one).items()}
        return {panel_id: stored[panel_id] for panel_id in self._panel_ids(split)}

    def test_fingerprint(self, resolution: int = 256, max_pictures: int | None = None, *, metrics_version: str) -> str:
        """SHA-256 of the pictures that this fold tests, and of all that the training set's own hangs on."""
        tested = self._panel_ids("test")
        return digest_of(
            {
                "training_set": self.folds.training_set.fingerprint,
                "settings": self.folds.training_set.test_fingerprint(resolution, metrics_version=metrics_version),
                "tested": tested,
                "pictures": min(len(tested), max_pictures or len(tested)),
            }
        )

    @property
    def _described(self) -> dict[str, Any]:
        return {**self.folds.params.model_dump(), "folds": len(self.folds), "index": self.index}

    def _panel_ids(self, split: str) -> list[str]:
        return [self.folds.panel_ids[stored][row] for stored, row in self._places[split]]


class ChosenRows:
    """Rows of several arrays as one array, (N, ...), that reads them when they are asked for."""

    def __init__(self, arrays: Sequence[np.ndarray], parts: np.ndarray, rows: np.ndarray) -> None:
        """parts, rows: (N,) each, which of the arrays, and which row of it. The arrays differ in length alone."""
        self._arrays = arrays
        self._parts = parts
        self._rows = rows
        self.shape = (len(rows), *arrays[0].shape[1:])
        self.ndim = len(self.shape)
        self.dtype = arrays[0].dtype
        self.nbytes = int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[place] for place in range(len(self)))

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows of several arrays are one array only as a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> np.ndarray:
        """As numpy: an index, a slice, a list or a mask of rows; then, as a tuple, indices of further axes.

        Beside a list of rows, a list for a further axis goes with it, one by one.
        """
        chosen, *rest = key if isinstance(key, tuple) else (key,)
        places = np.arange(len(self))[chosen]
        if places.ndim == 0:
            return self._arrays[int(self._parts[places])][(self._rows[places], *rest)]
        lists = [isinstance(index, np.ndarray | list) for index in rest]
        if any(lists) and isinstance(chosen, slice):
            raise IndexError("a slice of rows with a list for another axis: give the rows as a list too")

        def read(part: int, here: np.ndarray) -> np.ndarray:
            further = (np.asarray(index)[here] if listed else index for index, listed in zip(rest, lists, strict=True))
            return self._arrays[part][(self._rows[places[here]], *further)]

        # Reading nothing tells the shape.
        found = np.empty((len(places), *read(0, np.arange(0)).shape[1:]), self.dtype)
        for part in range(len(self._arrays)):
            here = np.flatnonzero(self._parts[places] == part)
            found[here] = read(part, here)
        return found


def _groups(panel_ids: Sequence[str], params: FoldParams) -> dict[str, int]:
    """The group of each picture, from 0 on. Depends on names and parameters, not on order."""
    panel_ids = sorted(panel_ids, key=lambda panel_id: (natural_key(panel_id), panel_id))
    if params.by == "picture":
        count = _count(params, "pictures", len(panel_ids))
        order = np.random.default_rng(params.seed).permutation(len(panel_ids))
        shares = np.array_split(order, count)
        return {panel_ids[place]: group for group, places in enumerate(shares) for place in places}
    unit = _title if params.by == "title" else _issue_key
    sizes = Counter(unit(panel_id) for panel_id in panel_ids)
    group_of = _dealt(sizes, _count(params, f"{params.by}s", len(sizes)), params.seed)
    return {panel_id: group_of[unit(panel_id)] for panel_id in panel_ids}


def _dealt(sizes: Mapping[str, int], count: int, seed: int) -> dict[str, int]:
    """Issues or titles, shuffled, each to the group that holds least of its title, and among such least of all."""
    held: Counter[tuple[str, int]] = Counter()
    total: Counter[int] = Counter()
    group_of: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: sha256(f"{seed}:{name}".encode()).digest()):
        title = name.partition("__")[0]
        group = min(range(count), key=lambda group: (held[title, group], total[group], group))
        held[title, group] += sizes[name]
        total[group] += sizes[name]
        group_of[name] = group
    return group_of


def _count(params: FoldParams, what: str, there_are: int) -> int:
    count = params.folds or DEFAULT_FOLDS.get(params.by, max(there_are, 2))
    if there_are < count:
        raise ValueError(
            f"{count} folds by {params.by} of {there_are} {what}: collect more {what}, or ask for fewer folds"
        )
    return count


def _issue_key(panel_id: str) -> str:
    return panel_id.rpartition("__")[0]


def _title(panel_id: str) -> str:
    return split_issue_key(_issue_key(panel_id))[0]
