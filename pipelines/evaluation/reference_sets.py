"""The references of the test pictures: pictures in colour that colorizers are given beside a test picture.

    same_issue    the first six panels of the picture's own issue, in reading order, as a person colours a book: by its
                  first pages. They are not measured in this condition. Issues of fewer than seven panels are left out.
    other_issues  of the train panels of the same title the 24 that look most alike (features of the whole picture).
                  Panels of test and val issues are never among them. Titles without train panels are left out.

All colorizers are given the same. Colorizers that take no references have their results without.
"""

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.colorize.places import LONG_SIDE_PX, find_places
from pipelines.colorize.references import FORMAT, Reference, References, reference_of, seen_of
from pipelines.evaluation.tracks import MAIN_STYLE, NEAR_BITS, ReferenceCondition, TestPictures
from pipelines.lake import atomic_write, digest_of, natural_key, split_issue_key
from pipelines.pairs import Pairs
from pipelines.panels.hashing import is_flat, phash

if TYPE_CHECKING:
    from pipelines.training_set import TrainingSet

VERSION = "1"
"""Part of the fingerprint: raise it when references are chosen in another way."""

OF_SAME_ISSUE = 6
OF_OTHER_ISSUES = 24

_KEPT = 128  # references in memory, about 2 MB each: enough for the pictures around one another


class ReferenceSets:
    """The references of the test pictures of one track. Nothing is computed before it is asked for."""

    def __init__(self, training_set: "TrainingSet", test: TestPictures, *, kept: Path | None = None) -> None:
        """kept: A folder in which it is written down which train panels look most alike; None keeps nothing."""
        self._training_set = training_set
        self._test = test
        self._kept = kept
        self._variant = "gray" if test.track == "gray" else "line"
        self._entry = lru_cache(maxsize=_KEPT)(self._made_entry)
        self._hash = lru_cache(maxsize=None)(self._made_hash)

    def places(self, references: ReferenceCondition) -> list[int]:
        """The test pictures that are measured in a condition, by their place in the set."""
        if references == "none":
            return list(range(len(self._test)))
        if references == "other_issues":
            return [place for place, title in enumerate(self._test.titles) if title in self._train_rows]
        given = {panel_id for panel_ids in self._first_panels.values() for panel_id in panel_ids}
        return [
            place
            for place, (issue, panel_id) in enumerate(zip(self._test.issues, self._test.panel_ids, strict=True))
            if issue in self._first_panels and panel_id not in given
        ]

    @property
    def left_out(self) -> dict[ReferenceCondition, int]:
        """The test issues of which no picture is measured in a condition, for want of panels."""
        issues = set(self._test.issues)
        return {
            references: len(issues - {self._test.issues[place] for place in self.places(references)})
            for references in ("same_issue", "other_issues")
        }

    def of(self, references: ReferenceCondition, place: int) -> References | None:
        """The references of a test picture; None without."""
        if references == "none":
            return None
        split = "test" if references == "same_issue" else "train"
        return References(self._variant, tuple(self._entry(split, one) for one in self._names(references, place)))

    def pictures(self, references: ReferenceCondition, place: int) -> dict[str, np.ndarray]:
        """The references of a test picture as pictures by panel_id, (R, R, 3) uint8 RGB."""
        split = "test" if references == "same_issue" else "train"
        return {name: self._picture(split, name) for name in self._names(references, place)}

    def near_duplicates(self, references: ReferenceCondition, place: int) -> int:
        """How many of its references nearly repeat a test picture: pHash within NEAR_BITS. 0 for flat pictures."""
        if references == "none":
            return 0
        own = self._hash("test", self._test.panel_ids[place])
        if own is None:
            return 0
        split = "test" if references == "same_issue" else "train"
        others = [self._hash(split, name) for name in self._names(references, place)]
        return sum((own ^ other).bit_count() <= NEAR_BITS for other in others if other is not None)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the references: panels and their pixels, how many, and how they are looked at."""
        of_test, of_train = (self._training_set.digests(split) for split in ("test", "train"))
        return digest_of(
            {
                "version": VERSION,
                "variant": self._variant,
                "resolution": self._test.side,
                "counts": [OF_SAME_ISSUE, OF_OTHER_ISSUES],
                "features": [FORMAT, LONG_SIDE_PX],
                "same_issue": {name: of_test[name] for names in self._first_panels.values() for name in names},
                "other_issues": {name: of_train[name] for names in self._train_rows.values() for name in names},
            }
        )

    @cached_property
    def _first_panels(self) -> dict[str, list[str]]:
        """The references of each test issue that has more panels than those."""
        by_issue: dict[str, list[str]] = {}
        for panel_id in sorted(self._test.split_rows, key=natural_key):
            by_issue.setdefault(panel_id.rpartition("__")[0], []).append(panel_id)
        return {issue: names[:OF_SAME_ISSUE] for issue, names in by_issue.items() if len(names) > OF_SAME_ISSUE}

    @cached_property
    def _train(self) -> Pairs:
        return self._training_set.pairs("train", "gray", self._test.side)

    @cached_property
    def _train_rows(self) -> dict[str, dict[str, int]]:
        """The rows of the train panels of each title of the test pictures, by panel_id."""
        found: dict[str, dict[str, int]] = {}
        for row, panel_id in enumerate(self._training_set.digests("train")):  # in the order of the arrays
            title = split_issue_key(panel_id.rpartition("__")[0])[0]
            if title in self._test.titles:
                found.setdefault(title, {})[panel_id] = row
        return found

    def _names(self, references: ReferenceCondition, place: int) -> Sequence[str]:
        if references == "same_issue":
            return self._first_panels[self._test.issues[place]]
        return self._most_alike[self._test.panel_ids[place]]

    @cached_property
    def _most_alike(self) -> dict[str, list[str]]:
        """The train panels most alike to each test picture, the most alike first."""
        path = self._kept / f"{self.fingerprint[:16]}_{len(self._test)}.json" if self._kept else None
        if path is not None and path.exists():
            return json.loads(path.read_text(encoding="utf-8"))
        pooled = {
            title: np.stack(
                [find_places(seen_of(self._picture("train", name), self._variant)).pooled for name in names]
            )
            for title, names in self._train_rows.items()
        }
        main, found = MAIN_STYLE[self._test.track], {}
        for place in self.places("other_issues"):
            seen = self._test.seen(main, slice(place, place + 1), by=self._variant)[0]
            title = self._test.titles[place]
            alike = pooled[title] @ find_places(seen).pooled
            names = list(self._train_rows[title])
            order = np.argsort(-alike, kind="stable")[:OF_OTHER_ISSUES]
            found[self._test.panel_ids[place]] = [names[at] for at in order]
        if path is not None:
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        return found

    def _picture(self, split: str, panel_id: str) -> np.ndarray:
        if split == "test":
            return self._test.picture_of(panel_id)
        title = next(title for title, rows in self._train_rows.items() if panel_id in rows)
        return np.asarray(self._train.color[self._train_rows[title][panel_id]])

    def _made_entry(self, split: str, panel_id: str) -> Reference:
        return reference_of(panel_id, self._picture(split, panel_id), variant=self._variant)

    def _made_hash(self, split: str, panel_id: str) -> int | None:
        picture = self._picture(split, panel_id)
        return None if is_flat(picture) else int(phash(picture), 16)
