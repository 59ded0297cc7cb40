"""Decisions that are kept from before are those of deciding about everything, whatever has come, gone or changed."""

from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from pipelines.copies.decisive import decisive_rows
from pipelines.lake import Lake
from pipelines.params import UniqueParams
from pipelines.terms.dropped import Drop, DroppedPanel, write_drop
from pipelines.terms.terms import Terms
from pipelines.unique_panels import DECIDED_FROM, build_unique_panels
from tests.pipelines.test_unique_panels import panel, put, put_pages

TITLES = ("a", "b", "c")


def some_issue(title: str, issue: str, random: np.random.Generator) -> list[dict]:
    """Panels of few hashes, colours and pages, so that much repeats, in chains and across titles."""
    rows = []
    for number in range(1, random.integers(2, 7)):
        base = int(np.random.default_rng(int(random.integers(4))).integers(0, 2**63))
        bits = base ^ sum({1 << int(bit) for bit in random.integers(0, 12, random.integers(0, 7))})
        name = f"{title if random.random() < 0.5 else 'any'}-{random.integers(6)}"
        rows.append(
            panel(
                title,
                issue,
                number,
                bits=bits,
                pages_sha256=[name, *([f"{name}-2"] if random.random() < 0.3 else [])],
                page_box=[0, int(random.integers(2)), 300, 300],
                is_gray=bool(random.random() < 0.2),
                is_flat=bool(random.random() < 0.1),
                drop_reason="too_small" if random.random() < 0.2 else None,
                thumbnail=bytes([200, 180, 90] if random.random() < 0.7 else [90, 90, 180]) * 256,
                licence="CC0-1.0" if random.random() < 0.9 else "CC-BY-4.0",
                sha256=f"{bits % 5:016x}".ljust(64, "0")
                if random.random() < 0.5
                else f"{title}{issue}{number}".ljust(64, "0"),
            )
        )
    return rows


def change(lake: Lake, random: np.random.Generator, state: dict) -> None:
    """Something that happens to a lake."""
    keys = lake.keys_with("panels")
    fresh = (str(random.choice(TITLES)), str(random.integers(30)))
    match int(random.integers(14)):
        case 0 if len(keys) > 1:
            lake.panels(str(random.choice(keys))).unlink()
        case 1 if len(keys) > 1:  # two issues exchange their names
            one, other = (lake.panels(str(key)) for key in random.choice(keys, 2, replace=False))
            data = [path.read_bytes() for path in (one, other)]
            for path, rows in zip((other, one), data, strict=True):
                path.write_bytes(rows)
                renamed(lake, path)
        case 2 if keys:  # renamed
            old = lake.panels(str(random.choice(keys)))
            new = lake.panels("__".join(fresh))
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            renamed(lake, new)
        case 3:
            state["params"] = UniqueParams(radius_bits=int(random.choice([4, 8])))
        case 4:
            declared = {title: "CC0-1.0" for title in TITLES if random.random() < 0.8}
            state["terms"] = Terms(declared) if random.random() < 0.7 else None
        case 5 if keys:
            row = lake.read_table(lake.panels(str(random.choice(keys)))).to_pylist()[0]
            gone = DroppedPanel(row["panel_id"], row["sha256"], row["phash"])
            name = f"drop-{random.integers(1000)}"
            write_drop(lake, Drop(name, "2026", "", (), (), (), (), (), (gone,), finished=bool(random.random() < 0.7)))
        case 6 | 7 if keys:  # an issue has other pages, and is not cut again
            key = str(random.choice(keys))
            named = {digest for row in lake.read_table(lake.panels(key)).to_pylist() for digest in row["pages_sha256"]}
            put_pages(lake, key, *(digest for digest in sorted(named) if random.random() < 0.5))
        case 8 if keys:
            lake.issue_pages(str(random.choice(keys))).unlink(missing_ok=True)
        case 9 if keys:  # cut again, or its pages are those of before
            put(lake, *lake.read_table(lake.panels(str(random.choice(keys)))).to_pylist())
        case _:
            put(lake, *some_issue(*fresh, random))


def renamed(lake: Lake, path: UPath) -> None:
    """Writes a table again under the names that its place gives it."""
    title, issue = path.parent.name, path.name.removesuffix(".parquet")
    rows = lake.read_table(path).to_pylist()
    put(
        lake,
        *(row | {"title": title, "issue": issue, "panel_id": f"{title}__{issue}__{row['panel']:04d}"} for row in rows),
    )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_kept_is_what_deciding_about_all_gives(seed):
    random = np.random.default_rng(seed)
    state: dict = {"params": UniqueParams(), "terms": None}
    with TemporaryDirectory() as folder:
        lake = Lake.at(folder)
        for _ in range(6):
            put(lake, *some_issue(str(random.choice(TITLES)), str(random.integers(30)), random))
            change(lake, random, state)
            before = lake.unique_panels.read_bytes() if lake.unique_panels.exists() else None
            if before:  # forget what the decisions were made from
                table = lake.read_table(lake.unique_panels)
                metadata = {name: value for name, value in table.schema.metadata.items() if name != DECIDED_FROM}
                lake.write_table(lake.unique_panels, table.replace_schema_metadata(metadata), made_from="")
            build_unique_panels(lake, state["params"], title_order=["b", "a"], terms=state["terms"])
            expected = lake.read_table(lake.unique_panels)
            if before:
                lake.unique_panels.write_bytes(before)
            report = build_unique_panels(lake, state["params"], title_order=["b", "a"], terms=state["terms"])
            found = lake.read_table(lake.unique_panels)
            assert found.to_pylist() == expected.to_pylist()
            assert found.equals(expected)
            assert report.counts["panels"] == len(expected)


def decided(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist([{"stage": None} | row for row in rows])


def test_new_panels_depend_on_near_ones_on_their_pages_and_on_what_those_depend_on():
    rows = [
        panel(number=1, bits=0b1111),  # a step before the one that is near
        panel(number=2, bits=0xFF << 40),  # far from everything
        panel(number=3, bits=0b11),
        panel(number=4, bits=0b1) | {"stage": "crop"},  # the third stands for it
        panel(number=5, bits=0b1) | {"stage": "terms"},
        panel(number=6, bits=0xFF << 50, pages_sha256=["x", "y"]),
        panel(number=7, bits=0x1FF << 48, pages_sha256=["y"]),
        panel(number=8, bits=0x3FF << 30, pages_sha256=["x"]) | {"stage": "page"},
    ]
    new = pd.DataFrame([panel(issue="2", number=1, bits=0, pages_sha256=["x"])])
    assert decisive_rows(decided(*rows), new, radius_bits=2).tolist() == [0, 2, 5, 6]


def test_an_issue_without_panels_and_an_empty_lake_depend_on_nothing():
    none = pd.DataFrame(columns=list(panel()))
    assert decisive_rows(decided(panel()), none, 8).tolist() == []
    assert decisive_rows(decided(panel()).slice(0, 0), pd.DataFrame([panel()]), 8).tolist() == []
