"""Titles that leave titles.yaml, are renamed there, or change their licence: what the next training set holds."""

from collections import Counter
from pathlib import Path

import cv2
import dagster as dg
import yaml

from pipelines.lake import Lake
from tests.installation import Installation
from tests.pipelines.conftest import drawn_panel

SETTINGS = "panels: {layout: whole, min_side_px: 16}\n"


class Place(Installation):
    """An installation with titles that are folders of drawn pictures."""

    @classmethod
    def of_two(cls, folder: Path, one: str, other: str) -> "Place":
        """Two titles of one issue each, up to the decisions on their panels."""
        place = cls.with_stores(folder / "home", {"TINTOON_TITLES": str(folder / "titles.yaml")})
        assert isinstance(place, Place)
        (place.home / "settings.yaml").write_text(SETTINGS)
        place.draw(one, seed=1)
        place.draw(other, seed=500)
        place.declare(**{one: {}, other: {}})
        place.run("sync")
        place.run("run", "issue_pages", "panels", "unique_panels")
        return place

    @property
    def lake(self) -> Lake:
        return Lake.at(self.home / "lake")

    def declare(self, **titles: dict[str, str]) -> None:
        declared = {
            key: {"source": "folder", "address": key, "licence": "CC0-1.0", "attribution": key, **changes}
            for key, changes in titles.items()
        }
        path = Path(self.variables["TINTOON_TITLES"])
        path.write_text(yaml.safe_dump({"titles": declared}))

    def draw(self, title: str, *, seed: int) -> None:
        folder = Path(self.variables["TINTOON_TITLES"]).parent / title / "ep1"
        folder.mkdir(parents=True)
        for page in range(2):
            cv2.imwrite(str(folder / f"{page}.png"), drawn_panel(seed + page, 200, 260)[..., ::-1])

    def reasons(self) -> dict[str, Counter]:
        found: dict[str, Counter] = {}
        for row in self.lake.read_table(self.lake.unique_panels, ["title", "reason"]).to_pylist():
            found.setdefault(row["title"], Counter())[row["reason"] or "kept"] += 1
        return found

    def partitions(self, name: str = "issue") -> set[str]:
        with dg.DagsterInstance.from_config(str(self.home / "dagster")) as instance:
            return set(instance.get_dynamic_partitions(name))


def test_titles_leave_come_under_another_name_and_change_their_licence(tmp_path: Path):
    place = Place.of_two(tmp_path, "old", "other")
    assert place.reasons() == {"old": Counter(kept=2), "other": Counter(kept=2)}

    place.declare(renamed={"address": "old", "licence": "CC-BY-4.0"}, other={})
    said = place.run("run", "unique_panels")
    assert said.count("old: not declared in titles.yaml any more: its 1 issue will not be in the next") == 1
    assert "tintoon drop old" in said
    assert place.reasons()["old"] == Counter(undeclared=2)
    assert (place.partitions(), place.partitions("title")) == ({"other__ep1"}, {"other"})
    assert place.lake.panels("old__ep1").exists()
    place.run("sync")
    place.run("run", "issue_pages", "panels", "unique_panels")
    assert place.reasons() == {"old": Counter(undeclared=2), "renamed": Counter(kept=2), "other": Counter(kept=2)}

    place.declare(old={}, other={"licence": "CC-BY-SA-4.0"})  # back under its first name
    said = place.run("sync")
    assert "renamed: not declared" in said
    assert place.partitions() == {"old__ep1", "other__ep1"}
    place.run("run", "unique_panels")
    assert place.reasons() == {
        "old": Counter(kept=2),
        "renamed": Counter(undeclared=2),
        "other": Counter(licence_changed=2),
    }
    place.run("run", "issue_pages", "panels", "--title", "other")
    place.run("run", "unique_panels")
    assert place.reasons()["other"] == Counter(kept=2)
    licences = place.lake.read_table(place.lake.panels("other__ep1"), ["licence"])["licence"].to_pylist()
    assert set(licences) == {"CC-BY-SA-4.0"}
