"""Decisions about duplicates: the reason of each drop, the earliest kept, and no change by what comes later."""

import pyarrow as pa
import pytest

from pipelines.lake import Lake
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.params import UniqueParams
from pipelines.unique_panels import PAGES_SEEN, build_unique_panels


def panel(title="a", issue="1", number=1, *, bits=0, page=None, **changes):
    """A row of the panel table; `bits` is the perceptual hash."""
    row = {
        "title": title,
        "issue": issue,
        "panel": number,
        "panel_id": f"{title}__{issue}__{number:04d}",
        "page": page or number,
        "pages_sha256": [f"page-{title}-{issue}-{page or number}"],
        "page_box": [0, 0, 300, 300],
        "strip_box": None,
        "width_px": 300,
        "height_px": 300,
        "drop_reason": None,
        "is_gray": False,
        "colored_share": 0.5,
        "phash": f"{bits:016x}",
        "hash_version": "1",
        "is_flat": False,
        "sha256": f"{title}-{issue}-{number}".ljust(64, "0"),
        "thumbnail": bytes(768),
        "mask": None,
        "licence": "CC0-1.0",
        "attribution": "test",
    }
    return row | changes


def put(lake: Lake, *rows: dict) -> None:
    issues = sorted({(row["title"], row["issue"]) for row in rows})
    for title, issue in issues:
        own = [row for row in rows if (row["title"], row["issue"]) == (title, issue)]
        table = pa.Table.from_pylist(own, schema=PANEL_SCHEMA)
        lake.write_table(lake.panels(f"{title}__{issue}"), table, made_from=str(own))
        put_pages(lake, f"{title}__{issue}", *(digest for row in own for digest in row["pages_sha256"]))


def put_pages(lake: Lake, key: str, *digests: str, status: str = "ok") -> None:
    """Writes a table of pages; decisions read no more of it than this."""
    pages = pa.table({"status": [status] * len(digests), "sha256": pa.array(digests, pa.string())})
    lake.write_table(lake.issue_pages(key), pages, made_from="")


def reasons(lake: Lake, *, titles=("a", "b"), **params) -> dict[str, str]:
    build_unique_panels(lake, UniqueParams(**params), title_order=list(titles))
    rows = lake.read_table(lake.unique_panels).to_pandas()
    return dict(zip(rows["panel_id"], rows["reason"].fillna("kept"), strict=True))


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.at(tmp_path)


FAR = 0xFFFF_0000_FFFF_0000


def test_the_earliest_stays_and_the_reason_names_it(lake):
    put(lake, panel(number=1), panel(number=2, bits=0b11), panel("b", number=1, bits=0b111), panel(number=3, bits=FAR))
    assert reasons(lake) == {
        "a__1__0001": "kept",
        "a__1__0002": "near_duplicate",
        "a__1__0003": "kept",
        "b__1__0001": "near_duplicate",
    }
    rows = lake.read_table(lake.unique_panels).to_pandas().set_index("panel_id")
    assert rows.loc["a__1__0002", ["stage", "duplicate_of", "distance_bits"]].tolist() == ["crop", "a__1__0001", 2]
    assert rows.loc["b__1__0001", ["stage", "duplicate_of", "distance_bits"]].tolist() == ["filter", "a__1__0001", 3]
    assert rows.loc["a__1__0001", ["stage", "duplicate_of", "distance_bits"]].isna().all()


def test_radius_is_respected(lake):
    put(lake, panel(number=1), panel(number=2, bits=0b11111))
    assert reasons(lake, radius_bits=4)["a__1__0002"] == "kept"
    assert reasons(lake, radius_bits=5)["a__1__0002"] == "near_duplicate"


def test_identical_pages_are_dropped_as_pages(lake):
    put(
        lake,
        panel(number=1, page=1, pages_sha256=["x"], bits=0),
        panel(number=2, page=1, pages_sha256=["x"], page_box=[0, 300, 300, 300], bits=FAR),
        panel(issue="2", number=1, page=4, pages_sha256=["x"], bits=0),
        panel(issue="2", number=2, page=4, pages_sha256=["x"], page_box=[0, 300, 300, 300], bits=FAR),
    )
    found = reasons(lake)
    assert found["a__2__0001"] == found["a__2__0002"] == "duplicate_page"
    rows = lake.read_table(lake.unique_panels).to_pandas().set_index("panel_id")
    assert rows.loc["a__2__0002", "duplicate_of"] == "a__1__0002"


def test_a_panel_over_a_repeated_slice_and_a_new_one_stays(lake):
    put(
        lake,
        panel(number=1, page=1, pages_sha256=["x", "y"]),
        panel(number=2, page=3, pages_sha256=["x", "z"], bits=FAR),
    )
    assert reasons(lake)["a__1__0002"] == "kept"


def test_what_is_dropped_anyway_shadows_nothing(lake):
    put(
        lake,
        panel(number=1, drop_reason="too_small", width_px=90),
        panel(number=2, is_gray=True),
        panel(number=3),
        panel(number=4, drop_reason="too_small", width_px=90),
    )
    assert reasons(lake) == {
        "a__1__0001": "too_small",
        "a__1__0002": "gray",
        "a__1__0003": "kept",
        "a__1__0004": "near_duplicate",
    }


def test_flat_pictures_are_duplicates_only_when_identical(lake):
    put(
        lake,
        panel(number=1, is_flat=True, sha256="1" * 64),
        panel(number=2, is_flat=True, sha256="2" * 64),
        panel(number=3, is_flat=True, sha256="1" * 64),
    )
    assert list(reasons(lake).values()) == ["kept", "kept", "near_duplicate"]


def test_a_new_issue_changes_nothing_that_old_ones_keep(lake):
    put(lake, panel("b", "5", 1), panel("b", "5", 2, bits=FAR))
    before = reasons(lake)
    # Title `a` comes first in titles.yaml, and issue 1 before issue 5; they arrived later all the same.
    put(lake, panel("a", "1", 1), panel("b", "1", 1, bits=FAR ^ 1))
    after = reasons(lake)
    assert {key: after[key] for key in before} == before
    assert after["a__1__0001"] == after["b__1__0001"] == "near_duplicate"


def test_nothing_new_writes_nothing(lake):
    put(lake, panel())
    assert not build_unique_panels(lake, UniqueParams(), title_order=["a"]).unchanged
    stamp = lake.unique_panels.stat().st_mtime_ns
    report = build_unique_panels(lake, UniqueParams(), title_order=["a"])
    assert report.unchanged
    assert report.counts == {"panels": 1, "kept": 1}
    assert lake.unique_panels.stat().st_mtime_ns == stamp


def test_without_panels_it_says_what_to_run(lake):
    with pytest.raises(FileNotFoundError, match="tintoon run panels"):
        build_unique_panels(lake, UniqueParams(), title_order=[])


def thumbnail_of(*rgb: int) -> bytes:
    return bytes(rgb) * 256


def test_a_drawing_in_other_colours_is_kept_and_its_repetition_is_not(lake):
    day, night = thumbnail_of(200, 180, 90), thumbnail_of(90, 90, 180)
    put(
        lake,
        panel(number=1, thumbnail=day),
        panel(number=2, bits=0b1, thumbnail=thumbnail_of(198, 181, 92)),  # another encoding
        panel(number=3, bits=0b11, thumbnail=night),
        panel("b", number=1, bits=0b111, thumbnail=night),
    )
    assert reasons(lake) == {
        "a__1__0001": "kept", "a__1__0002": "near_duplicate", "a__1__0003": "kept", "b__1__0001": "near_duplicate",
    }  # fmt: skip
    rows = lake.read_table(lake.unique_panels).to_pandas().set_index("panel_id")
    assert rows.loc["b__1__0001", "duplicate_of"] == "a__1__0003"


def test_panels_whose_pages_changed_wait_until_they_are_cut_again_and_hide_nothing(lake):
    first = [panel(number=1, pages_sha256=["x"]), panel(number=2, pages_sha256=["x", "y"], bits=FAR)]
    put(lake, *first, panel("b", number=1))
    put_pages(lake, "a__1", "x", "other")
    expected = {"a__1__0001": "kept", "a__1__0002": "pages_changed", "b__1__0001": "near_duplicate"}
    assert reasons(lake) == expected
    stamp = lake.unique_panels.stat().st_mtime_ns
    assert reasons(lake) == expected
    assert lake.unique_panels.stat().st_mtime_ns == stamp
    put_pages(lake, "a__1", "x", "y", status="dropped")  # there by name alone
    assert reasons(lake) == {"a__1__0001": "pages_changed", "a__1__0002": "pages_changed", "b__1__0001": "kept"}
    lake.issue_pages("a__1").unlink()
    assert reasons(lake)["a__1__0001"] == "pages_changed"
    put(lake, panel(number=1, pages_sha256=["x"]), panel(number=2, pages_sha256=["other"], bits=FAR))
    assert reasons(lake) == expected | {"a__1__0002": "kept"}
    rows = lake.read_table(lake.unique_panels, ["title", "sequence"]).to_pylist()
    assert [row["sequence"] for row in rows if row["title"] == "a"] == [0, 0]  # it keeps its place


def test_pages_are_looked_at_only_where_their_table_is_another_one(lake, monkeypatch):
    put(lake, panel(), panel("b", bits=FAR))
    read, opened = Lake.read_table, []

    def watched(self, path, columns=None):
        opened.append("/".join(path.parts[-3:]))
        return read(self, path, columns)

    reasons(lake)
    monkeypatch.setattr(Lake, "read_table", watched)
    reasons(lake)
    assert not [name for name in opened if name.startswith("issue_pages")]
    put_pages(lake, "b__1", "page-b-1-1", "one more")
    for expected in (["issue_pages/b/1.parquet"], []):  # what was seen is kept, though no decision is another one
        opened.clear()
        assert set(reasons(lake).values()) == {"kept"}
        assert [name for name in opened if name.startswith("issue_pages")] == expected


def test_a_table_of_an_earlier_version_stays(lake):
    put(lake, panel())
    reasons(lake)
    table = lake.read_table(lake.unique_panels)
    metadata = {name: value for name, value in table.schema.metadata.items() if name != PAGES_SEEN}
    made_from = lake.made_from(lake.unique_panels)
    assert made_from
    lake.write_table(lake.unique_panels, table.replace_schema_metadata(metadata), made_from=made_from)
    assert build_unique_panels(lake, UniqueParams(), title_order=["a", "b"]).unchanged
    assert PAGES_SEEN in lake.metadata(lake.unique_panels)
